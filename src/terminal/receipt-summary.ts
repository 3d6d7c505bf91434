/** The receipt as a person reads it at the end of a run: a block that visibly adds up. */

import type { Receipt, RunOutcome } from "../polling/receipt.ts";
import { countOf, formatCount, formatRate, formatSeconds } from "./numbers.ts";
import { printable } from "./printable.ts";
import { wrap } from "./width.ts";

const drainEndings: Readonly<Record<RunOutcome, string>> = {
  drained: "Drained: the queue had nothing more to give.",
  limit: "Done: --max-messages is reached.",
  stopped: "Stopped on request.",
  failed: "Stopped by an error. It is safe to run again.",
};

const limitWords: Readonly<Record<NonNullable<Receipt["limit"]>, string>> = {
  queue: "limited by the queue",
  database: "limited by the database",
  cpu: "limited by this machine's CPU",
};

const dryRunEndings: Readonly<Record<RunOutcome, string>> = {
  drained: "Dry run: nothing was written or deleted.",
  limit: "Dry run: nothing was written or deleted.",
  stopped: "Dry run, stopped on request: nothing was written or deleted.",
  failed: "Dry run, stopped by an error: nothing was written or deleted.",
};

/**
 * What a run did, as lines without a last newline: how it ended, from where to where, the sum of its deliveries
 * (`received = inserted + …`) with the rejections by reason, and what it cost.
 *
 * @param columns the widest a line may be; longer ones are wrapped, as a shortened number would be a wrong one.
 *   `Infinity` in a pipe
 */
export function formatReceipt(receipt: Receipt, columns: number): string {
  const lines = receipt.dryRun ? dryRunLines(receipt) : drainLines(receipt);
  return lines.map((line) => wrap(line, columns)).join("\n");
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
    ...reasons(receipt.rejections),
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
  const { received, duplicates, rejected, released, unsettled, requests } = receipt;
  const line = numberLine(Math.max(received, requests));
  return [
    dryRunEndings[receipt.outcome],
    ...places(receipt),
    line("received", received),
    line("= would load", released),
    ...(duplicates > 0 ? [line("+ duplicates", duplicates)] : []),
    line("+ would reject", rejected),
    ...reasons(receipt.rejections),
    line("+ unsettled", unsettled),
    "",
    line("requests", requests),
    wordsLine("time", formatSeconds(receipt.seconds)),
  ];
}

function places({ queue, table }: Receipt): string[] {
  return ["", wordsLine("queue", queue), wordsLine("table", table), ""];
}

/** Most frequent first. The counts stand before the words, out of the column that is added up. */
function reasons(rejections: Receipt["rejections"]): string[] {
  const sorted = Object.entries(rejections).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const width = formatCount(sorted[0]?.[1] ?? 0).length;
  return sorted.map(([reason, count]) => `    ${formatCount(count).padStart(width)} ${printable(reason)}`);
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
