/** One run's moving parts, wired: receivers into the intake, loader out of it, deleter behind the commit. */

import { EtlError } from "../errors.ts";
import type { MapMessage } from "../pipeline/mapper.ts";
import type { Message } from "../pipeline/message.ts";
import { isRefusal, type Rejection } from "../pipeline/rejection.ts";
import type { MappedMessage } from "../pipeline/row.ts";
import { Deleter } from "./deleter.ts";
import { agreesToBeEmpty } from "./empty-queue.ts";
import { Intake } from "./intake.ts";
import { LeftBehind } from "./left-behind.ts";
import { Loader } from "./loader.ts";
import { type Patience, withPatience } from "./patience.ts";
import { type Clock, commitUnknown, type LoadResult, type Sink, type Source } from "./ports.ts";
import type { Outcome } from "./receipt.ts";
import { Receivers } from "./receivers.ts";
import { releaseAll } from "./release.ts";
import type { Tally } from "./tally.ts";

/** How often in a row the queue's own count may contradict the polls. It is approximate, and must not keep a run alive. */
const maxContradictions = 3;

/** Characters of waiting rows; with what a batch and its statement copy, well under 200 MB at the worst. */
const maxWaitingCharacters = 64 * 1024 * 1024;

/** Who is told what happens. */
export interface DrainObserver {
  rejected(rejection: Rejection): void;
  /** An operation fails and is tried again. */
  trouble(error: EtlError): void;
  /** The operation works again. */
  recovered(operation: string): void;
  /** Deliveries that could not be deleted; they come back and are recognised. */
  undeleted(count: number): void;
}

/** What a drain works with. */
export interface DrainParts {
  readonly source: Source;
  readonly sink: Sink;
  readonly clock: Clock;
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
  /** The most long polls at one time. */
  readonly receivers: number;
  readonly waitSeconds: number;
  /** The queue's own: when a message that is left alone can be received again. */
  readonly visibilityTimeoutSeconds: number;
  /** Deliveries received and not settled, at most. */
  readonly maxInFlight: number;
  /** How long one operation may go on failing before the run ends with exit 75. */
  readonly giveUpAfterMillis: number;
  /** After a stop, how long what is in flight may take to settle. */
  readonly graceMillis: number;
}

/** How a run ended; its counts are in the tally. */
export interface DrainEnd {
  readonly outcome: Outcome;
  /** What ended the run, where the outcome is `failed`. */
  readonly error?: unknown;
}

/** One drain from its first poll to its last delete. */
export class Run {
  readonly #parts: DrainParts;
  readonly #stop: AbortSignal;
  readonly #visibilityTimeoutMillis: number;
  /** Aborted when nothing more is to be received, for whatever reason. */
  readonly #receiving = new AbortController();
  readonly #intake: Intake;
  readonly #deleter: Deleter;
  readonly #loader: Loader;
  readonly #receivers: Receivers;
  readonly #leftBehind = new LeftBehind();
  #failure: { readonly error: unknown } | undefined;
  /** Whether an attempt to load the batch in hand may have been committed. */
  #commitUnknown = false;
  #drained = false;
  #asking = false;
  #contradictions = 0;

  /** @param stop asks the run to receive nothing more and to settle what is in flight */
  constructor(parts: DrainParts, limits: DrainLimits, stop: AbortSignal) {
    const { source, tally, clock, random, observer } = parts;
    this.#parts = parts;
    this.#stop = stop;
    this.#visibilityTimeoutMillis = limits.visibilityTimeoutSeconds * 1000;
    const patience: Patience = {
      clock,
      random,
      giveUpAfterMillis: limits.giveUpAfterMillis,
      signal: AbortSignal.any([stop, this.#receiving.signal]),
      onTrouble: (error) => observer.trouble(error),
      onRecovery: (operation) => observer.recovered(operation),
    };
    this.#intake = new Intake({ maxMessages: limits.maxInFlight, maxCharacters: maxWaitingCharacters });
    this.#deleter = new Deleter({
      source: { delete: (handles) => withPatience(() => source.delete(handles), patience) },
      tally,
      concurrency: limits.receivers,
      onSettled: (count) => {
        this.#intake.free(count);
        this.#lookForEnd();
      },
      onUndeleted: (count) => observer.undeleted(count),
      onFailure: (error) => this.#fail(error),
    });
    this.#loader = new Loader({
      intake: this.#intake,
      sink: { load: (batch) => withPatience(() => this.#tryLoad(batch), patience) },
      deleter: this.#deleter,
      tally,
      batchSize: limits.batchSize,
      onRejection: (rejection) => this.#reject(rejection),
      onIdle: () => this.#lookForEnd(),
    });
    this.#receivers = new Receivers({
      source: { receive: (options) => withPatience(() => source.receive(options), patience) },
      intake: this.#intake,
      receivers: limits.receivers,
      waitSeconds: limits.waitSeconds,
      maxMessages: limits.maxMessages,
      signal: this.#receiving.signal,
      onMessages: (messages) => this.#takeIn(messages),
      onEmpty: () => this.#lookForEnd(),
      onFailure: (error) => this.#fail(error),
    });
  }

  /** Runs until everything that was received is settled. Never rejects: what ended the run is in the result. */
  async settle(): Promise<DrainEnd> {
    const stopReceiving = () => this.#receiving.abort();
    if (this.#stop.aborted) stopReceiving();
    this.#stop.addEventListener("abort", stopReceiving);
    const receiving = this.#receivers.run().then(() => this.#intake.close());
    const loading = this.#loader.run().catch((error) => this.#fail(error));
    await Promise.all([receiving, loading]);
    this.#stop.removeEventListener("abort", stopReceiving);
    await Promise.all([this.#giveBack(), this.#deleter.finish()]);
    if (this.#failure !== undefined) return { outcome: "failed", error: this.#failure.error };
    if (this.#drained) return { outcome: "drained" };
    return { outcome: this.#stop.aborted ? "stopped" : "limit" };
  }

  async #tryLoad(batch: readonly MappedMessage[]): Promise<LoadResult> {
    try {
      const result = await this.#parts.sink.load(batch);
      this.#commitUnknown = false;
      return result;
    } catch (error) {
      if (error instanceof EtlError && error.code === commitUnknown) this.#commitUnknown = true;
      throw error;
    }
  }

  #takeIn(messages: readonly Message[]): number {
    const { tally, mapMessage } = this.#parts;
    let fresh = 0;
    for (const message of messages) {
      if (this.#leftBehind.has(message.messageId)) {
        this.#leaveBehind(message.messageId);
        this.#intake.free(1);
        continue;
      }
      fresh += 1;
      tally.received += 1;
      const mapped = mapMessage(message);
      if (isRefusal(mapped)) {
        this.#reject(mapped);
        this.#intake.free(1);
      } else {
        this.#intake.add(mapped);
      }
    }
    if (fresh > 0) this.#contradictions = 0;
    return fresh;
  }

  #reject(rejection: Rejection): void {
    const { tally, observer } = this.#parts;
    tally.reject(rejection);
    observer.rejected(rejection);
    this.#leaveBehind(rejection.messageId);
  }

  #leaveBehind(messageId: string): void {
    const nowMillis = this.#parts.clock.monotonicMillis();
    this.#leftBehind.add(messageId, nowMillis + this.#visibilityTimeoutMillis);
  }

  /** The first error ends the run; what is in the intake is still settled. */
  #fail(error: unknown): void {
    // A stop ends the waiting for a failing service by throwing its last error: that is a stop, not a failure.
    const byStop = this.#stop.aborted && error instanceof EtlError && error.retryable;
    if (!byStop) this.#failure ??= { error };
    this.#receiving.abort();
  }

  /** Whatever was received and not loaded when the loader ended goes back to the queue. */
  async #giveBack(): Promise<void> {
    const { source, tally } = this.#parts;
    const inHand = this.#loader.inHand;
    const waiting = this.#intake.take(Number.POSITIVE_INFINITY);
    if (this.#commitUnknown) tally.unsettled += inHand.length;
    else tally.released += inHand.length;
    tally.released += waiting.length;
    await releaseAll(
      source,
      [...inHand, ...waiting].map(({ ref }) => ref.receiptHandle),
    );
  }

  /** Ends the run when polls stay empty, nothing is in flight, and the queue's own count does not contradict. */
  #lookForEnd(): void {
    if (this.#asking || !this.#looksDrained() || this.#receiving.signal.aborted) return;
    this.#asking = true;
    const { source, clock } = this.#parts;
    void agreesToBeEmpty(source, () => this.#leftBehind.visibleAt(clock.monotonicMillis())).then((agrees) => {
      this.#asking = false;
      if (!this.#looksDrained() || this.#receiving.signal.aborted) return;
      if (agrees || this.#contradictions >= maxContradictions) {
        this.#drained = true;
        this.#receiving.abort();
      } else {
        this.#contradictions += 1;
        this.#receivers.resume();
      }
    });
  }

  #looksDrained(): boolean {
    return this.#receivers.quiet && this.#loader.idle && this.#deleter.idle;
  }
}
