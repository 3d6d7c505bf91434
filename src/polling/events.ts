/** What a drain tells while it runs, a batch at a time: the log, the progress line, the records and metrics read it. */

import type { EtlError } from "../errors.ts";
import type { Rejection } from "../message/message.ts";

/** A message that was rejected, told once a run however often it comes round. */
export interface RejectedMessage {
  readonly rejection: Rejection;
  readonly sentAtMillis: number;
}

/** Something that happened. */
export type DrainEvent =
  /** `bytes` is what the messages take up in memory, about. */
  | { readonly type: "received"; readonly messages: number; readonly bytes: number }
  /** A load has returned. `millis` holds the pauses between its attempts. */
  | {
      readonly type: "loaded";
      readonly messages: number;
      readonly rows: number;
      readonly millis: number;
      /** When the oldest and the newest message that the ledger now has were sent; empty if it has none of the batch. */
      readonly sentAtMillis: readonly number[];
    }
  | { readonly type: "rejected"; readonly messages: readonly RejectedMessage[] }
  /** No partition takes their rows; they stay in the queue. */
  | { readonly type: "postponed"; readonly messages: number }
  /** Rejected messages that the dead-letter queue cannot take whole; they stay in their own. */
  | { readonly type: "uncopied"; readonly messages: number }
  /** `failed` come back, are recognised, and are deleted then. */
  | { readonly type: "deleted"; readonly messages: number; readonly failed: number }
  /**
   * So many stored messages are known to be in the queue all the same, because their deletes fail or do nothing: told when
   * it begins and, with 0, when it is over.
   */
  | { readonly type: "undeleted"; readonly messages: number }
  /** Given back to the queue. `failed` stay hidden until their visibility timeout is over. */
  | {
      readonly type: "released";
      readonly messages: number;
      readonly failed: number;
      readonly error?: unknown;
    }
  /** An operation fails and is tried again. */
  | { readonly type: "trouble"; readonly error: EtlError }
  /** The operation works again. */
  | { readonly type: "recovered"; readonly operation: string }
  /** How many polls and loads may be open at a time from now on. */
  | { readonly type: "tuned"; readonly receivers: number; readonly connections: number };

/** Hears of everything, and returns at once. */
export type OnDrainEvent = (event: DrainEvent) => void;
