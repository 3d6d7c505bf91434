/** The sampled messages as the rows they would become: masked, and as they would be stored. */

import { compileMapping } from "../message/mapper.ts";
import type { BodyFormat, Mapping } from "../message/mapping.ts";
import type { Message } from "../message/message.ts";
import type { ColumnLimits, Row } from "../message/row.ts";
import type { Masker } from "../message/transforms/mask.ts";
import { previewMessages } from "../processing/processor.ts";
import type { Asker } from "./asker.ts";

/** What a preview is made with. */
export interface PreviewParts {
  readonly masker: Masker;
  readonly limits: ColumnLimits;
  readonly body: BodyFormat;
  readonly now: () => number;
}

/** What would become of a sample. */
export interface Preview {
  readonly rows: readonly Row[];
  /** How many messages would be rejected, by reason and place. */
  readonly rejections: ReadonlyMap<string, number>;
}

/**
 * Maps the sample exactly as a drain does.
 *
 * @throws EtlError `config` where the mapping cannot work
 */
export async function preview(
  messages: readonly Message[],
  mapping: Mapping,
  parts: PreviewParts,
): Promise<Preview> {
  const rows: Row[] = [];
  const rejections = new Map<string, number>();
  for (const outcome of await previewMessages(messages, { mapMessage: compileMapping(mapping, parts) })) {
    if (outcome.kind === "mapped") rows.push(...outcome.rows);
    if (outcome.kind !== "rejected") continue;
    const { reason, path, column } = outcome.rejection;
    const place = [path, column].filter((part) => part !== undefined && part !== "").join(" into ");
    const words = place === "" ? reason : `${reason} (${place})`;
    rejections.set(words, (rejections.get(words) ?? 0) + 1);
  }
  return { rows, rejections };
}

/** So many rows stand beside each other on 60 columns. */
const shownRows = 3;

/** Shows rows with their columns below each other: a table of twenty columns is as wide as one of two. */
export async function showPreview(
  asker: Asker,
  { columns }: Mapping,
  { rows, rejections }: Preview,
): Promise<void> {
  const shown = rows.slice(0, shownRows);
  if (shown.length > 0) {
    await asker.show(
      "As they would be stored",
      ["column", ...shown.map((_, index) => `row ${index + 1}`)],
      columns.map(({ column }, index) => [column, ...shown.map((row) => row[index] ?? null)]),
    );
  }
  const all = [...rejections.values()].reduce((sum, count) => sum + count, rows.length);
  for (const [words, count] of rejections) {
    await asker.warn(`${count} of ${all} would be rejected: ${words}`);
  }
}
