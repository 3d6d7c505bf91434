/** What a run, a retry and the rejected messages come to, as a person reads it: lines that are wrapped and not cut. */

import type { Outcome, Receipt } from "../polling/receipt.ts";
import type { ListedRejection } from "../postgres/rejection-list.ts";
import { countOf, formatCount, formatRate, formatSeconds, printable, wrap } from "./text.ts";

const drainEndings: Readonly<Record<Outcome, string>> = {
  drained: "Drained: the queue had nothing more to give.",
  limit: "Done: --max-messages is reached.",
  stopped: "Stopped on request.",
  failed: "Stopped by an error. It is safe to run again.",
};

const dryRunEndings: Readonly<Record<Outcome, string>> = {
  drained: "Dry run: nothing was written or deleted.",
  limit: "Dry run: nothing was written or deleted.",
  stopped: "Dry run, stopped on request: nothing was written or deleted.",
  failed: "Dry run, stopped by an error: nothing was written or deleted.",
};

const limitWords: Readonly<Record<NonNullable<Receipt["limit"]>, string>> = {
  queue: "limited by the queue",
  database: "limited by the database",
  cpu: "limited by this machine's CPU",
};

/**
 * What a run did, as lines without a last newline: how it ended, from where to where, the sum of its deliveries
 * (`received = inserted + …`) with the rejections by reason, and what it cost.
 *
 * @param columns the widest a line may be; longer ones are wrapped, because a shortened number would be a wrong one.
 *   `Infinity` in a pipe
 */
export function formatReceipt(receipt: Receipt, columns: number): string {
  return wrapped(receipt.dryRun ? dryRunLines(receipt) : drainLines(receipt), columns);
}

function drainLines(receipt: Receipt): string[] {
  const { received, inserted, duplicates, rejected, released, unsettled, deleted, requests } = receipt;
  const line = numberLine(Math.max(received, deleted, requests));
  const ending = [drainEndings[receipt.outcome]];
  if (rejected > 0) ending.push(`Not loaded: ${countOf(rejected, "rejected message")}.`);
  if (unsettled > 0)
    ending.push(
      `${countOf(unsettled, "unsettled delivery", "unsettled deliveries")} will come again, if not stored.`,
    );
  return [
    ...ending,
    ...places(receipt),
    line("received", received),
    line("= inserted", inserted),
    line("+ duplicates", duplicates),
    line("+ rejected", rejected),
    ...reasonLines(receipt.rejections),
    line("+ released", released),
    line("+ unsettled", unsettled),
    "",
    line("deleted", deleted),
    line("requests", requests),
    wordsLine("time", `${formatSeconds(receipt.seconds)}${rate(receipt)}`),
  ];
}

/** What a dry run could load it gives back: its `released` is what a drain would load. */
function dryRunLines(receipt: Receipt): string[] {
  const { received, rejected, released, unsettled, requests } = receipt;
  const line = numberLine(Math.max(received, requests));
  return [
    dryRunEndings[receipt.outcome],
    ...places(receipt),
    line("received", received),
    line("= would load", released),
    line("+ would reject", rejected),
    ...reasonLines(receipt.rejections),
    line("+ unsettled", unsettled),
    "",
    line("requests", requests),
    wordsLine("time", formatSeconds(receipt.seconds)),
  ];
}

function places({ queue, table }: Receipt): string[] {
  return ["", wordsLine("queue", queue), wordsLine("table", table), ""];
}

function rate({ received, seconds, limit }: Receipt): string {
  const perSecond = seconds > 0 ? `, ${formatRate(received / seconds)}` : "";
  return limit === undefined ? perSecond : `${perSecond}, ${limitWords[limit]}`;
}

/** As wide as the longest label, and two spaces. */
const labelWidth = "+ would reject  ".length;

function wordsLine(label: string, words: string): string {
  return label.padEnd(labelWidth) + printable(words);
}

/** Lines whose numbers are aligned to the right of the largest. */
function numberLine(largest: number): (label: string, count: number) => string {
  const width = formatCount(largest).length;
  return (label, count) => label.padEnd(labelWidth) + formatCount(count).padStart(width);
}

/** The numbers of one `etl rejects retry`. */
export interface RetrySummary {
  readonly queue: string;
  readonly deadLetterQueue: string;
  readonly dryRun: boolean;
  /** In the dead-letter queue at the start, about. */
  readonly waiting: number;
  /** Looked at, in a dry run. */
  readonly seen?: number | undefined;
  /** Sent back; absent in a dry run. */
  readonly moved?: number | undefined;
  /** Stored already: deleted and not sent, or in a dry run still there. Absent if the ledger was not asked. */
  readonly stored?: number | undefined;
  /** Could not be sent, and are still there. */
  readonly left?: number | undefined;
  /** Sent, and still there. */
  readonly undeleted?: number | undefined;
  /** Those that were moved, or looked at, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** What a retry did, or would do, as lines without a last newline. @param columns as for {@link formatReceipt} */
export function formatRetry(retry: RetrySummary, columns: number): string {
  const lines = retry.dryRun ? retryDryRunLines(retry) : moveLines(retry);
  return wrapped([...lines, ...reasonLines(retry.reasons)], columns);
}

function retryDryRunLines({ queue, deadLetterQueue, waiting, seen = 0, stored }: RetrySummary): string[] {
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
  const { queue, deadLetterQueue, moved = 0, stored = 0, left = 0, undeleted = 0 } = retry;
  const lines = [printable(`Moved ${countOf(moved, "message")} from ${deadLetterQueue} to ${queue}.`)];
  if (stored > 0) lines.push(`Deleted, as stored already: ${formatCount(stored)}.`);
  if (left > 0) lines.push(`Left, as they cannot be sent whole: ${formatCount(left)}.`);
  if (undeleted > 0)
    lines.push(`Sent, but not deleted: ${formatCount(undeleted)}. A retry would send them once more.`);
  return lines;
}

/** Two lines a rejected message, without a last newline; its id is whole, to be copied. @param columns as for {@link formatReceipt} */
export function formatRejections(rejections: readonly ListedRejection[], columns: number): string {
  const lines = rejections.flatMap((rejection) => [whatLine(rejection), whenLine(rejection)]);
  return wrapped(lines, columns);
}

function whatLine({ messageId, reason, path, column, constraint }: ListedRejection): string {
  const where = path === "" ? "" : ` at ${path}`;
  const inColumn = column === undefined ? "" : ` (column ${column})`;
  const byConstraint = constraint === undefined ? "" : ` (constraint ${constraint})`;
  return printable(`${messageId}  ${reason}${where}${inColumn}${byConstraint}`);
}

function whenLine({ sentAt, times, firstAt, lastAt, loaded }: ListedRejection): string {
  const rejected =
    times === 1
      ? `rejected ${minute(lastAt)}`
      : `rejected ${countOf(times, "time")}, ${minute(firstAt)} to ${minute(lastAt)}`;
  return `  sent ${minute(sentAt)}, ${rejected}${loaded ? ", loaded since" : ""}`;
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
