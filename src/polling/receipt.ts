/** The receipt: what became of every delivery of a run, in numbers that add up. */

import type { FieldCounts } from "../message/fields.ts";
import type { Bottleneck } from "./tuning.ts";

/** Why a run ended. */
export type RunOutcome =
  /** The queue had nothing more to give. */
  | "drained"
  /** `--max-messages` was reached. */
  | "limit"
  /** A signal asked the run to stop. */
  | "stopped"
  /** An error ended the run; it is printed after the receipt. */
  | "failed";

/** What became of a run's deliveries. */
export interface Counts {
  readonly received: number;
  /** Messages whose rows this run committed. */
  readonly inserted: number;
  /** Rows that they became. */
  readonly rows: number;
  /** Deliveries whose rows were there already, or gave way to others of their key: deleted from the queue. */
  readonly duplicates: number;
  readonly rejected: number;
  /** Given back to the queue, for this or another run to receive again. */
  readonly released: number;
  /**
   * Not accounted for: a forced stop, a commit whose answer never came, a give-back that failed, or a row without a
   * partition. Hidden until the visibility timeout is over or, for want of a partition, longer with each receive; safe to
   * receive again.
   */
  readonly unsettled: number;
  /** Deliveries that the queue confirmed as deleted. */
  readonly deleted: number;
  /** Rejections by reason; they sum up to `rejected`. */
  readonly rejections: Readonly<Record<string, number>>;
}

/**
 * What a run did. `received = inserted + duplicates + rejected + released + unsettled` holds always.
 *
 * All counts but `rows` and those of fields are deliveries, so that they add up; a message that was rejected and comes
 * round again in the same run is counted once. `mapped` counts what became rows each time that it did, duplicates too.
 */
export interface Receipt extends Counts, FieldCounts {
  /** The queue's name, without account or host. */
  readonly queue: string;
  readonly table: string;
  readonly dryRun: boolean;
  /** Requests to SQS, retries included, because SQS bills by request. */
  readonly requests: number;
  /** Wall time of the run. */
  readonly seconds: number;
  /** What kept a drain from being faster; absent if it was at work for too short a time to tell, and in a dry run. */
  readonly limit?: Bottleneck | undefined;
  readonly outcome: RunOutcome;
}
