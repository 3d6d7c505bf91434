/** What a drain works with, how it goes about it, and how it can end. */

import type { EtlError } from "../errors.ts";
import type { MapMessage } from "../message/mapper.ts";
import type { MessageRef } from "../message/message.ts";
import type { Rejection } from "../message/rejection.ts";
import type { Clock, DeadLetterQueue, Sink, Source } from "./ports.ts";
import type { Outcome } from "./receipt.ts";
import type { Tally } from "./tally.ts";
import type { Bottleneck } from "./tuning.ts";

/** Who is told what happens. */
export interface DrainObserver {
  /** A message is rejected; told once a message, however often it comes round. */
  rejected(rejection: Rejection, ref: MessageRef): void;
  /** An operation fails and is tried again. */
  trouble(error: EtlError): void;
  /** The operation works again. */
  recovered(operation: string): void;
  /** Deliveries that could not be deleted; they come back and are recognised. */
  undeleted(count: number): void;
  /** Rejected messages that the dead-letter queue cannot take whole; they stay in their own. */
  uncopied(count: number): void;
}

/** What a drain works with. */
export interface DrainParts {
  readonly source: Source;
  readonly sink: Sink;
  /** Where rejected messages go. @defaultValue they stay in the queue */
  readonly deadLetters?: DeadLetterQueue | undefined;
  readonly clock: Clock;
  /**
   * For how long this thread had work, on a core or in line for one, in milliseconds: what says that the machine's CPU is
   * the limit.
   */
  readonly runnableMillis: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly mapMessage: MapMessage;
  /** Counts as the run goes; progress and receipt are read off it. */
  readonly tally: Tally;
  readonly observer: DrainObserver;
}

/** How a drain goes about it. */
export interface DrainLimits {
  /** @defaultValue unlimited */
  readonly maxMessages?: number | undefined;
  /** The most rows in one load. */
  readonly batchSize: number;
  /** Long polls at one time while messages come. @defaultValue as many as bring more */
  readonly receivers?: number | undefined;
  readonly waitSeconds: number;
  /** The queue's own. */
  readonly visibilityTimeoutSeconds: number;
  /** Deliveries received and not settled, at most. @defaultValue as many as batches and receivers need */
  readonly maxInFlight?: number | undefined;
  /** Whether to go on when the queue is empty, and however long queue or database fail. */
  readonly follow: boolean;
  /** How long one operation may go on failing before the run ends with exit 75; without effect with `follow`. */
  readonly giveUpAfterMillis: number;
  /** After a stop, how long what is in flight may take to settle. */
  readonly graceMillis: number;
}

/** How a run ended; its counts are in the tally. */
export interface DrainEnd {
  readonly outcome: Outcome;
  /** Whether it was not waited for: calls are still open, and what the tally holds as open is unsettled. */
  readonly isForced?: true;
  /** What ended the run, where the outcome is `failed`. */
  readonly error?: unknown;
  /** What kept it from being faster; absent where it was too short to tell. */
  readonly limit?: Bottleneck | undefined;
}
