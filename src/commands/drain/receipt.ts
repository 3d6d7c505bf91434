/** Writes a run's receipt to standard output, and says what the run exits with. */

import { exitCodes } from "../../errors.ts";
import type { Outcome, Receipt } from "../../polling/receipt.ts";
import type { Tally } from "../../polling/tally.ts";
import { formatReceipt } from "../../terminal/summaries.ts";
import { jsonLine } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import type { Stop } from "../stop.ts";

/** What a receipt says beside the counts. */
export interface RunFacts {
  readonly queue: string;
  readonly table: string;
  readonly dryRun: boolean;
  readonly outcome: Outcome;
  /** Whether the run was not waited for. Its calls go on, and so do its counts: they are read at one moment, here. */
  readonly isForced?: boolean | undefined;
  readonly limit?: Receipt["limit"];
  readonly requests: number;
  /** Wall time of the run, in milliseconds. */
  readonly millis: number;
}

/** The receipt of a run that has ended. */
export function toReceipt(tally: Tally, facts: RunFacts): Receipt {
  return {
    queue: facts.queue,
    table: facts.table,
    dryRun: facts.dryRun,
    received: tally.received,
    inserted: tally.inserted,
    duplicates: tally.duplicates,
    rejected: tally.rejected,
    released: tally.released,
    unsettled: tally.unsettled + (facts.isForced ? tally.open : 0),
    deleted: tally.deleted,
    requests: facts.requests,
    rejections: Object.fromEntries([...tally.reasons].sort()),
    seconds: Math.round(facts.millis) / 1000,
    limit: facts.limit,
    outcome: facts.outcome,
  };
}

/** Prints it as a block for people or, with `json`, as the last line. */
export async function printReceipt({ stdout, log }: Context, receipt: Receipt, json: boolean): Promise<void> {
  // On a terminal both streams end up in one place: what was logged stands above the receipt.
  await log.flush();
  const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
  await stdout.write(json ? `${jsonLine({ receipt })}\n` : `${formatReceipt(receipt, columns)}\n`);
}

/** What a run exits with that no error ended. */
export function exitCodeOf(receipt: Receipt, stop: Stop): number {
  if (receipt.outcome === "stopped") return stop.exitCode;
  return receipt.rejected > 0 ? exitCodes.data : 0;
}
