/** What `etl rejects retry` did, or would do, as a person reads it. */

import { countOf, formatCount } from "./numbers.ts";
import { printable } from "./printable.ts";
import { wrap } from "./width.ts";

/** The numbers of one retry. */
export interface RetrySummary {
  readonly queue: string;
  readonly deadLetterQueue: string;
  readonly dryRun: boolean;
  /** Who moves; absent in a dry run. */
  readonly movedBy?: "etl" | "server" | undefined;
  /** In the dead-letter queue at the start, about. */
  readonly waiting: number;
  /** Looked at, in a dry run. */
  readonly seen?: number | undefined;
  /** Sent back; absent in a dry run. */
  readonly moved?: number | undefined;
  /** Stored already: deleted and not sent, or in a dry run still there. Absent where the ledger was not asked. */
  readonly stored?: number | undefined;
  /** Could not be sent, and are still there. */
  readonly left?: number | undefined;
  /** Sent, and still there. */
  readonly undeleted?: number | undefined;
  /** Those that were moved, or looked at, by reason. */
  readonly reasons?: Readonly<Record<string, number>> | undefined;
}

/**
 * The summary as lines without a last newline.
 *
 * @param columns the widest a line may be; `Infinity` in a pipe
 */
export function formatRetry(retry: RetrySummary, columns: number): string {
  const lines = [...(retry.dryRun ? dryRunLines(retry) : moveLines(retry)), ...reasonLines(retry)];
  return lines.map((line) => wrap(line, columns)).join("\n");
}

function dryRunLines({ queue, deadLetterQueue, waiting, seen = 0, stored }: RetrySummary): string[] {
  const lines = [
    "Dry run: nothing was moved.",
    printable(
      `About ${countOf(waiting, "message")} would go from ${deadLetterQueue} to ${queue}; looked at: ${formatCount(seen)}.`,
    ),
  ];
  if (stored) lines.push(`${formatCount(stored)} of these are stored already: deleted, and not sent.`);
  return lines;
}

function moveLines(retry: RetrySummary): string[] {
  const { queue, deadLetterQueue, movedBy, moved = 0, stored = 0, left = 0, undeleted = 0 } = retry;
  const by = movedBy === "server" ? ", by the queue server" : "";
  const lines = [printable(`Moved ${countOf(moved, "message")} from ${deadLetterQueue} to ${queue}${by}.`)];
  if (stored > 0) lines.push(`Deleted, as stored already: ${formatCount(stored)}.`);
  if (left > 0) lines.push(`Left, as they cannot be sent whole: ${formatCount(left)}.`);
  if (undeleted > 0)
    lines.push(`Sent, but not deleted: ${formatCount(undeleted)}. A retry would send them once more.`);
  return lines;
}

/** The most frequent first. */
function reasonLines({ reasons = {} }: RetrySummary): string[] {
  const sorted = Object.entries(reasons).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const width = formatCount(sorted[0]?.[1] ?? 0).length;
  return sorted.map(([reason, count]) => `    ${formatCount(count).padStart(width)} ${printable(reason)}`);
}
