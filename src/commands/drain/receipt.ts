/** Writes a run's receipt to standard output, and says what the run exits with. */

import { exitCodes } from "../../errors.ts";
import type { Counts, Receipt, RunOutcome } from "../../polling/receipt.ts";
import { formatReceipt } from "../../terminal/summaries.ts";
import { jsonLine } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import type { Stop } from "../stop.ts";

/** What a receipt says beside the counts. */
export interface RunFacts extends Pick<Receipt, "queue" | "table" | "dryRun" | "limit" | "requests"> {
  readonly outcome: RunOutcome;
  /** Wall time of the run, in milliseconds. */
  readonly millis: number;
}

/** The receipt of a run, now or at its end. */
export function toReceipt(counts: Counts, { millis, ...facts }: RunFacts): Receipt {
  return { ...facts, ...counts, seconds: Math.round(millis) / 1000 };
}

/** Prints it as a block for people or, with `json`, as the last line. */
export async function printReceipt({ stdout, log }: Context, receipt: Receipt, json: boolean): Promise<void> {
  // On a terminal both streams end up in one place: what was logged stands above the receipt.
  await log.flush();
  const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
  await stdout.write(json ? `${jsonLine({ receipt })}\n` : `${formatReceipt(receipt, columns)}\n`);
}

/** What a run exits with if no error ended it. */
export function exitCodeOf(receipt: Receipt, stop: Stop): number {
  if (receipt.outcome === "stopped") return stop.exitCode;
  return receipt.rejected > 0 ? exitCodes.data : 0;
}
