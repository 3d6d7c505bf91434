/** What a run, a retry and the rejected messages come to, as a person reads it: lines that are wrapped and not cut. */

import type { Receipt, RunOutcome } from "../polling/receipt.ts";
import type { ListedRejection } from "../postgres/status.ts";
import { formatCount } from "../text/counts.ts";
import { countOf, formatRate, formatSeconds, printable, wrap } from "./text.ts";

const drainEndings: Readonly<Record<RunOutcome, string>> = {
  drained: "Drained: the queue had nothing more to give.",
  limit: "Done: --max-messages is reached.",
  stopped: "Stopped on request.",
  failed: "Stopped by an error. It is safe to run again.",
};

const dryRunEndings: Readonly<Record<RunOutcome, string>> = {
  drained: "Dry run",
  limit: "Dry run",
  stopped: "Dry run, stopped on request",
  failed: "Dry run, stopped by an error",
};

const limitWords: Readonly<Record<NonNullable<Receipt["limit"]>, string>> = {
  queue: ", limited by the queue",
  database: ", limited by the database",
  cpu: ", limited by this machine's CPU",
};

/** As wide as the longest label, and two spaces. */
const labelWidth = "+ would reject  ".length;

/**
 * What a run did, as lines without a last newline: how it ended, from where to where, the sum of its deliveries
 * (`received = inserted + …`) with the rejections by reason, and what it cost.
 *
 * @param columns the widest a line may be; longer ones are wrapped, because a shortened number would be a wrong one.
 *   `Infinity` in a pipe
 */
export function formatReceipt(receipt: Receipt, columns: number): string {
  const { dryRun, received, rejected, released, deleted, requests, seconds, limit } = receipt;
  const width = formatCount(Math.max(received, deleted, requests)).length;
  const line = (label: string, count: number) =>
    label.padEnd(labelWidth) + formatCount(count).padStart(width);
  const words = (label: string, text: string) => label.padEnd(labelWidth) + printable(text);
  const perSecond = !dryRun && seconds > 0 ? `, ${formatRate(received / seconds)}` : "";
  const reasons = reasonLines(receipt.rejections);
  const lines = [
    ...(dryRun
      ? [`${dryRunEndings[receipt.outcome]}: nothing was written or deleted.`]
      : endingLines(receipt)),
    "",
    words("queue", receipt.queue),
    words("table", receipt.table),
    "",
    line("received", received),
    ...(dryRun
      ? // What a dry run could load it gives back.
        [
          line("= would load", released),
          ...(receipt.duplicates > 0 ? [line("+ duplicates", receipt.duplicates)] : []),
          line("+ would reject", rejected),
          ...reasons,
        ]
      : [
          line("= inserted", receipt.inserted),
          line("+ duplicates", receipt.duplicates),
          line("+ rejected", rejected),
          ...reasons,
          line("+ released", released),
        ]),
    line("+ unsettled", receipt.unsettled),
    "",
    ...(receipt.rows === (dryRun ? released : receipt.inserted) ? [] : [line("rows", receipt.rows)]),
    ...(dryRun ? [] : [line("deleted", deleted)]),
    line("requests", requests),
    words("time", formatSeconds(seconds) + perSecond + (limit === undefined ? "" : limitWords[limit])),
    ...fieldLines(receipt),
  ];
  return wrapped(lines, columns);
}

function endingLines({ outcome, rejected, unsettled }: Receipt): string[] {
  const lines = [drainEndings[outcome]];
  if (rejected > 0) lines.push(`Not loaded: ${countOf(rejected, "rejected message")}.`);
  if (unsettled > 0) {
    const deliveries = countOf(unsettled, "unsettled delivery", "unsettled deliveries");
    lines.push(`${deliveries} will come again, if not stored.`);
  }
  return lines;
}

/** What a mapping passes by without a word elsewhere. */
function fieldLines({ mapped, absent, unmapped }: Receipt): string[] {
  const listed = (heading: string, counts: Readonly<Record<string, number>>) =>
    Object.keys(counts).length === 0 ? [] : ["", heading, ...reasonLines(counts)];
  const messages = `the ${countOf(mapped, "message")} that the mapping took`;
  return [
    ...listed(`Absent from ${messages}:`, absent),
    ...listed(`Taken by no column, in ${messages}:`, unmapped),
  ];
}

/** What has become of the messages of one `etl rejects retry`. */
export interface RetryCounts {
  /** Sent back, and accepted. */
  moved: number;
  /** Stored already, as the ledger says: deleted and not sent, or in a dry run still there. */
  stored: number;
  /** Cannot be sent whole: still in the dead-letter queue. */
  left: number;
  /** Sent back, but still in the dead-letter queue: another retry would send them once more. */
  undeleted: number;
}

/** One `etl rejects retry`. Counts are absent if they do not apply, or if the ledger was not asked. */
export interface RetrySummary extends Partial<Readonly<RetryCounts>> {
  readonly queue: string;
  readonly deadLetterQueue: string;
  readonly dryRun: boolean;
  /** In the dead-letter queue at the start, about. */
  readonly waiting: number;
  /** Looked at, in a dry run. */
  readonly seen?: number;
  /** Of these, rejected again by the mapping as it is now; absent if this host cannot map. */
  readonly rejectedAgain?: number;
  /** Those that were moved, or looked at, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** What a retry did, or would do, as lines without a last newline. @param columns as for {@link formatReceipt} */
export function formatRetry(retry: RetrySummary, columns: number): string {
  const { dryRun, queue, deadLetterQueue, waiting, seen = 0, rejectedAgain = 0 } = retry;
  const { moved = 0, stored = 0, left = 0, undeleted = 0 } = retry;
  const places = `from ${deadLetterQueue} to ${queue}`;
  const lines = dryRun
    ? [
        "Dry run: nothing was moved.",
        `About ${countOf(waiting, "message")} would go ${places}; looked at: ${formatCount(seen)}.`,
        stored > 0 && `${formatCount(stored)} of these are stored already: deleted, and not sent.`,
        rejectedAgain > 0 &&
          `${formatCount(rejectedAgain)} of these would be rejected again: the mapping still does not fit them.`,
      ]
    : [
        `Moved ${countOf(moved, "message")} ${places}.`,
        stored > 0 && `Deleted, as stored already: ${formatCount(stored)}.`,
        left > 0 && `Left, as they cannot be sent whole: ${formatCount(left)}.`,
        undeleted > 0 &&
          `Sent, but not deleted: ${formatCount(undeleted)}. A retry would send them once more.`,
      ];
  const shown = lines.filter((line) => line !== false).map(printable);
  return wrapped([...shown, ...reasonLines(retry.reasons)], columns);
}

/** Two lines a rejected message, without a last newline; its id is whole, to be copied. @param columns as for {@link formatReceipt} */
export function formatRejections(rejections: readonly ListedRejection[], columns: number): string {
  const lines = rejections.flatMap(({ messageId, reason, path, column, constraint, ...rejection }) => {
    const { sentAt, times, firstAt, lastAt, loaded } = rejection;
    const where = path === "" ? "" : ` at ${path}`;
    const inColumn = column === undefined ? "" : ` (column ${column})`;
    const byConstraint = constraint === undefined ? "" : ` (constraint ${constraint})`;
    const when = `${times === 1 ? "" : ` ${countOf(times, "time")}, ${minute(firstAt)} to`} ${minute(lastAt)}`;
    return [
      printable(`${messageId}  ${reason}${where}${inColumn}${byConstraint}`),
      `  sent ${minute(sentAt)}, rejected${when}${loaded ? ", loaded since" : ""}`,
    ];
  });
  return wrapped(lines, columns);
}

/** In UTC: the receipt's and the log's times are, too. */
function minute(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace("T", " ")}Z`;
}

/** Most frequent first. The counts stand before the words, out of the receipt's column that is added up. */
function reasonLines(reasons: Readonly<Record<string, number>>): string[] {
  const sorted = Object.entries(reasons).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const width = formatCount(sorted[0]?.[1] ?? 0).length;
  return sorted.map(([reason, count]) => `    ${formatCount(count).padStart(width)} ${printable(reason)}`);
}

function wrapped(lines: readonly string[], columns: number): string {
  return lines.map((line) => wrap(line, columns)).join("\n");
}
