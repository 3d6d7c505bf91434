/** The receipt: what became of every delivery of a run, in numbers that add up. */

import type { Bottleneck } from "./tuning.ts";

/** Why a run ended. */
export type Outcome =
  /** The queue had nothing more to give. */
  | "drained"
  /** `--max-messages` was reached. */
  | "limit"
  /** A signal asked the run to stop. */
  | "stopped"
  /** An error ended the run; it is printed behind the receipt. */
  | "failed";

/**
 * What a run did. `received = inserted + duplicates + rejected + released + unsettled` holds always.
 *
 * All counts are deliveries, so that they add up; a message that was rejected and comes round again in the same
 * run is counted once.
 */
export interface Receipt {
  /** The queue's name, without account or host. */
  readonly queue: string;
  readonly table: string;
  readonly dryRun: boolean;
  readonly received: number;
  /** Rows that this run put into the table. */
  readonly inserted: number;
  /** Deliveries whose row was there already: deleted from the queue without a second row. */
  readonly duplicates: number;
  readonly rejected: number;
  /** Given back to the queue, for this or another run to receive again. */
  readonly released: number;
  /** Of unknown fate: a forced stop, or a commit whose answer never came. Safe to receive again. */
  readonly unsettled: number;
  /** Deliveries that the queue confirmed as deleted. */
  readonly deleted: number;
  /** Requests to SQS, retries included, because SQS bills by request. */
  readonly requests: number;
  /** Rejections by reason; they sum up to `rejected`. */
  readonly rejections: Readonly<Record<string, number>>;
  /** Wall time of the run. */
  readonly seconds: number;
  /** What kept a drain from being faster; absent where it was at work for too short a time to tell, and in a dry run. */
  readonly limit?: Bottleneck | undefined;
  readonly outcome: Outcome;
}
