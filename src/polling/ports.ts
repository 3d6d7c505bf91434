/** What polling needs of the world: a queue and a clock. Adapters implement these. */

import type { Message, Rejection } from "../message/message.ts";

/** What a queue says of itself. */
export interface QueueAttributes {
  /** Names the queue across accounts and URLs; two URLs of one queue have one ARN. */
  readonly arn: string;
  /** Messages that can be received now, approximately. */
  readonly visible: number;
  /** Messages handed out and not yet settled, approximately. */
  readonly inFlight: number;
  /** Messages not yet deliverable, approximately. */
  readonly delayed: number;
  readonly visibilityTimeoutSeconds: number;
  readonly retentionSeconds: number;
  readonly fifo: boolean;
  /** After this many receives the queue moves a message to its dead-letter queue. */
  readonly maxReceiveCount?: number;
  readonly deadLetterArn?: string;
}

/** What one call to the queue may take. */
export interface ReceiveOptions {
  /** 1 to 10, the most that SQS hands out in a call. */
  readonly maxMessages: number;
  /** 0 to 20, how long the queue may hold the call open while it is empty. */
  readonly waitSeconds: number;
  /** Ends an open call at once; it then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Aborted when nothing more is to be received: what an answer still needs, such as payloads, is not waited for then. */
  readonly ending?: AbortSignal | undefined;
  /**
   * Called with the length of an answer, in bytes, before its body is read; the body is read when it resolves.
   *
   * @defaultValue every answer is read at once
   */
  readonly admit?: ((bytes: number) => Promise<void>) | undefined;
}

/** How many of the entries of a batch call went through. Entries that did not come back by time-out. */
export interface SettleResult {
  readonly settled: number;
  readonly failed: number;
}

/** How long one delivery is to stay invisible from now on. */
export interface VisibilityChange {
  readonly receiptHandle: string;
  /** 0 to 43,200; 0 makes it visible at once. */
  readonly timeoutSeconds: number;
}

/** A queue. Every method retries by itself what may pass, and throws an `EtlError` when it will not. */
export interface Source {
  receive(options: ReceiveOptions): Promise<readonly Message[]>;
  /** Deletes up to 10 deliveries. Per-entry failures are retried, then counted, never thrown. */
  delete(receiptHandles: readonly string[]): Promise<SettleResult>;
  /** Changes the visibility of up to 10 deliveries. Same contract as `delete`. */
  changeVisibility(changes: readonly VisibilityChange[]): Promise<SettleResult>;
  attributes(): Promise<QueueAttributes>;
  /** Requests sent so far, retries included: what SQS bills. */
  readonly requests: number;
}

/** A rejected message, whole, and why it was rejected. */
export interface DeadLetter {
  readonly message: Message;
  readonly rejection: Rejection;
}

/** The queue that rejected messages are moved to. */
export interface DeadLetterQueue {
  /**
   * Sends copies of up to 10 messages, whole, each with its rejection in one message attribute.
   *
   * @returns the indexes of those that were accepted; what does not fit SQS's limits is not sent and is not among them
   * @throws EtlError as `Source` does; a copy may have arrived all the same, so copies are at-least-once
   */
  send(letters: readonly DeadLetter[]): Promise<ReadonlySet<number>>;
}

/** Time, passed in so that tests can turn it. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  monotonicMillis(): number;
  /** Resolves after the time, or at once when the signal is aborted. */
  sleep(millis: number, signal?: AbortSignal): Promise<void>;
}
