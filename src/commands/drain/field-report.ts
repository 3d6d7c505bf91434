/** Tells of fields that messages lack, and of fields that no column takes, while a run goes on and at its end. */

import type { FieldTally } from "../../message/fields.ts";
import { type Mapping, sourceName } from "../../message/mapping.ts";
import { countOf } from "../../terminal/text.ts";
import { formatCount } from "../../text/counts.ts";
import type { Context } from "../context.ts";

/** So many messages without a field are no accident. */
const enoughMessages = 50;

/** What a report of fields is made of. */
export interface FieldReportParts {
  readonly mapping: Mapping;
  readonly tally: Pick<FieldTally, "counts">;
  readonly log: Context["log"];
}

/** A report of fields under way. */
export interface FieldReport {
  /** Tells what is new: to be called now and then. */
  look(): void;
  /**
   * Tells what is new, and which sources no message had.
   *
   * @param isSample whether few messages are all that was looked at, so that each tells
   */
  end(isSample?: boolean): void;
}

/** Begins to report. */
export function reportFields({ mapping, tally, log }: FieldReportParts): FieldReport {
  const told = new Set<string>();
  let isAbsenceTold = false;

  function tellOfUnmapped(unmapped: Readonly<Record<string, number>>): void {
    const fresh = Object.keys(unmapped).filter((name) => !told.has(name));
    if (fresh.length === 0) return;
    for (const name of fresh) told.add(name);
    log.warn(
      `no column takes ${fresh.join(", ")}: map what is wanted in etl.toml, or set [table] unmapped = "ignore"`,
    );
  }

  function tellOfAbsent(many: string, warn: boolean): void {
    const { mapped, absent } = tally.counts;
    for (const [source, count] of Object.entries(absent)) {
      if (count < mapped) continue;
      const line = `none of ${many} had ${source} (${columnsOf(mapping, source)})`;
      if (warn) log.warn(line);
      else log.info(line);
    }
  }

  return {
    look() {
      const { mapped, unmapped } = tally.counts;
      tellOfUnmapped(unmapped);
      if (isAbsenceTold || mapped < enoughMessages) return;
      isAbsenceTold = true;
      tellOfAbsent(`the first ${formatCount(mapped)} messages`, true);
    },
    end(isSample = false) {
      const { mapped, unmapped } = tally.counts;
      tellOfUnmapped(unmapped);
      if (mapped > 0) tellOfAbsent(countOf(mapped, "message"), isSample || mapped >= enoughMessages);
    },
  };
}

function columnsOf({ columns }: Mapping, source: string): string {
  const names = columns.filter((column) => sourceName(column.source) === source).map(({ column }) => column);
  return `column${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}
