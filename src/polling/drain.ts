/**
 * A drain: polls into the register, batches out of it through the processor and the circuit breaker, and each delivery
 * settled by its outcome. The order is the safety argument: a delete follows the commit that made its rows durable.
 */

import { EtlError } from "../errors.ts";
import type { Message, MessageRef } from "../message/message.ts";
import { CircuitBreaker, type Settlement } from "../processing/circuit-breaker.ts";
import { isDurable } from "../processing/outcome.ts";
import type { Processor } from "../processing/processor.ts";
import { type RetryLimits, retryUntil } from "../processing/retry-until.ts";
import { batchEntries } from "./batch-sender.ts";
import { Deliveries, notDeleted } from "./deliveries.ts";
import type { Delivery } from "./delivery.ts";
import type { OnDrainEvent } from "./events.ts";
import { Meter, meteredSource } from "./meter.ts";
import type { Clock, DeadLetterQueue, Source } from "./ports.ts";
import type { Counts, RunOutcome } from "./receipt.ts";
import { Receivers } from "./receivers.ts";
import { type Bottleneck, Tuning } from "./tuning.ts";
import { keepInvisible, toldVisibility } from "./visibility.ts";

/** Deletes at one time, at least: what is committed at the end of a run must not wait for a single receiver's turn. */
const leastDeletes = 16;

/** How often in a row the queue's own count may contradict the polls. It is approximate, and must not keep a run alive. */
const maxContradictions = 3;

/** Beyond its wait, how long an open poll may take to be answered at the least when a run ends by itself. */
const answerMillis = 2_000;

/** Of the time after a stop, what settling is left with when polls are waited for. */
const settlingMillis = 3_000;

/** What a drain works with. */
export interface DrainParts {
  readonly source: Source;
  /** Makes the processor; a load that fails is to be tried again within `retry`. */
  readonly processor: (retry: RetryLimits) => Processor;
  /** Where rejected messages go. @defaultValue they stay in the queue */
  readonly deadLetters?: DeadLetterQueue | undefined;
  /**
   * Asks the ledger which messages are stored, before a copy goes to the dead-letter queue.
   *
   * @defaultValue none is
   */
  readonly areStored?: ((messages: readonly MessageRef[]) => Promise<readonly boolean[]>) | undefined;
  readonly clock: Clock;
  /**
   * For how long this thread had work, on a core or in line for one, in milliseconds: what says that the machine's CPU is
   * the limit.
   */
  readonly runnableMillis: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly onEvent: OnDrainEvent;
}

/** How a drain goes about it. */
export interface DrainLimits {
  /** @defaultValue unlimited */
  readonly maxMessages?: number | undefined;
  /** The most messages in one load. */
  readonly batchSize: number;
  /** Long polls at one time while messages come. @defaultValue as many as bring more */
  readonly receivers?: number | undefined;
  /** Loads at one time. @defaultValue as many as bring more, up to 8 */
  readonly connections?: number | undefined;
  readonly waitSeconds: number;
  /** The queue's own. */
  readonly visibilityTimeoutSeconds: number;
  /** Deliveries received and not settled, at most. @defaultValue as many as loads and receivers need */
  readonly maxInFlight?: number | undefined;
  /** Whether to go on when the queue is empty, and however long queue or database fail. */
  readonly follow: boolean;
  /** How long one operation may go on failing before the run ends with exit 75; without effect with `follow`. */
  readonly giveUpAfterMillis: number;
  /** After a stop, how long what is in flight may take to settle. */
  readonly graceMillis: number;
}

/** How a run is asked to stop. */
export interface StopSignals {
  /** No further receive; what is in flight is settled. */
  readonly graceful: AbortSignal;
  /** Return at once; what is in flight is unsettled, and safe to receive again. */
  readonly forced: AbortSignal;
}

/** How a run ended. */
export interface DrainEnd {
  readonly outcome: RunOutcome;
  /** What ended the run, if the outcome is `failed`. */
  readonly error?: unknown;
  /** What kept it from being faster; absent if it was too short to tell. */
  readonly limit?: Bottleneck | undefined;
}

/** A drain under way. */
export interface Drain {
  /** What has become of everything so far; what is open counts as unsettled after a forced stop. */
  readonly counts: Counts;
  /** Deliveries whose end is open. */
  readonly open: number;
  /** Of those that count as unsettled, how many are hidden until their visibility timeout is over, as far as is known. */
  readonly hidden: number;
  /** Stored messages that are in the queue all the same, because their deletes failed or did nothing, as far as is known. */
  readonly undeleted: number;
  /**
   * Resolves when the queue is empty, the limit is reached, a stop is asked for, or an error ends the run. Never rejects.
   *
   * After a forced stop, or when the grace after a graceful one is over, calls may still be open: the caller closes the
   * adapters or ends the process.
   */
  readonly ended: Promise<DrainEnd>;
}

/** How long one operation may go on failing. */
export function patienceMillis({
  follow,
  giveUpAfterMillis,
}: Pick<DrainLimits, "follow" | "giveUpAfterMillis">): number {
  return follow ? Number.POSITIVE_INFINITY : giveUpAfterMillis;
}

/** Begins to drain. */
export function startDrain(parts: DrainParts, limits: DrainLimits, stop: StopSignals): Drain {
  const run = new Run(parts, limits, stop.graceful);
  let forced: Pick<Drain, "counts" | "hidden" | "undeleted"> | undefined;
  const over = new AbortController();
  const ended = Promise.race([run.settle(), outOfTime(parts.clock, limits, stop, over.signal)]).then(
    (end) => {
      over.abort();
      if (end !== undefined) return end;
      const { counts, open, unreleased, undeleted } = run.deliveries;
      // Its calls go on, and so do its counts: they are read at this moment.
      forced = {
        counts: { ...counts, unsettled: counts.unsettled + open },
        ...{ hidden: unreleased + open, undeleted },
      };
      return { outcome: "stopped" } as const;
    },
  );
  return {
    get counts() {
      return forced?.counts ?? run.deliveries.counts;
    },
    get open() {
      return forced === undefined ? run.deliveries.open : 0;
    },
    get hidden() {
      return forced?.hidden ?? run.deliveries.unreleased;
    },
    get undeleted() {
      return forced?.undeleted ?? run.deliveries.undeleted;
    },
    ended,
  };
}

/** Resolves when the run must not be waited for any longer. */
async function outOfTime(
  clock: Clock,
  { graceMillis }: DrainLimits,
  stop: StopSignals,
  over: AbortSignal,
): Promise<undefined> {
  await new Promise<void>((resolve) => {
    for (const signal of [stop.graceful, stop.forced, over]) {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
  await clock.sleep(graceMillis, AbortSignal.any([stop.forced, over]));
}

/** One drain from its first poll to its last delete. */
class Run {
  readonly deliveries: Deliveries;
  readonly #parts: DrainParts;
  readonly #limits: DrainLimits;
  readonly #stop: AbortSignal;
  readonly #source: Source;
  readonly #visibility: Pick<Source, "changeVisibility">;
  readonly #processor: Processor;
  readonly #breaker = new CircuitBreaker<Delivery>();
  readonly #tuning: Tuning;
  readonly #meter: Meter;
  readonly #receivers: Receivers;
  readonly #largestBatch: number;
  /** Aborted when nothing more is to be received, for whatever reason. */
  readonly #receiving = new AbortController();
  #pollsAreOver = false;
  #loads = 0;
  readonly #givenUp: Settlement<Delivery>[] = [];
  /** Set when nothing more is to be loaded: a load has failed, or the circuit breaker has opened. */
  #isHalted = false;
  #failure: { readonly error: unknown } | undefined;
  #isDrained = false;
  /** What the queue counted at the end, whatever its state. */
  #left = Number.POSITIVE_INFINITY;
  #isAsking = false;
  #contradictions = 0;
  #told = { receivers: 1, connections: 1 };

  /** @param stop asks the run to receive nothing more and to settle what is in flight */
  constructor(parts: DrainParts, limits: DrainLimits, stop: AbortSignal) {
    const { deadLetters, areStored, clock, random, onEvent } = parts;
    this.#parts = parts;
    this.#limits = limits;
    this.#stop = stop;
    // A batch waits while another is loaded, however few may be in flight.
    const half = Math.ceil((limits.maxInFlight ?? Number.POSITIVE_INFINITY) / 2);
    this.#largestBatch = Math.min(limits.batchSize, half);
    this.#tuning = new Tuning(limits);
    this.#meter = new Meter({
      monotonicMillis: () => clock.monotonicMillis(),
      runnableMillis: parts.runnableMillis,
      requests: () => parts.source.requests,
      loadsHoldUp: () => this.deliveries.holdsFullLoad(this.#batchSize) || this.#receivers.nothingComes,
      connections: () => this.#tuning.connections,
    });
    const source = meteredSource(parts.source, this.#meter);
    this.#source = source;
    this.#visibility = toldVisibility(source, onEvent);
    const retry: RetryLimits = {
      clock,
      random,
      giveUpAfterMillis: patienceMillis(limits),
      signal: AbortSignal.any([stop, this.#receiving.signal]),
      onTrouble: (error) => onEvent({ type: "trouble", error }),
      onRecovery: (operation) => onEvent({ type: "recovered", operation }),
    };
    const onFailure = (error: unknown) => this.#fail(error);
    this.#processor = parts.processor(retry);
    this.deliveries = new Deliveries({
      ...{ deadLetters, areStored, clock, retry, onEvent, onFailure },
      source: { ...this.#visibility, delete: (handles) => source.delete(handles) },
      visibilityTimeoutSeconds: limits.visibilityTimeoutSeconds,
      maxMessages: () => this.#mostInFlight,
      concurrency: () => Math.max(leastDeletes, this.#tuning.receivers),
    });
    this.#receivers = new Receivers({
      ...{ deliveries: this.deliveries, meter: this.#meter, tuning: this.#tuning, clock, onFailure },
      ...{ waitSeconds: limits.waitSeconds, maxMessages: limits.maxMessages, follow: limits.follow },
      source: { receive: (options) => retryUntil(() => source.receive(options), retry) },
      signal: this.#receiving.signal,
      stop,
      lastPollsMillis: () => this.#lastPollsMillis,
      isKnown: (messageId) => this.#breaker.holds(messageId),
      onAnswer: (fresh) => {
        if (fresh > 0) this.#contradictions = 0;
        this.#tellOfTuning();
      },
    });
  }

  /** Runs until everything that was received is settled. Never rejects: what ended the run is in the result. */
  async settle(): Promise<DrainEnd> {
    const end = () => this.#end();
    if (this.#stop.aborted) end();
    this.#stop.addEventListener("abort", end);
    const isSettled = new AbortController();
    const { clock } = this.#parts;
    const { visibilityTimeoutSeconds } = this.#limits;
    const { inFlight } = this.deliveries;
    // Not awaited: an extension that is not answered concerns nothing any more when all is settled.
    void keepInvisible(
      { source: this.#visibility, clock, visibilityTimeoutSeconds, inFlight },
      isSettled.signal,
    );
    const receiving = this.#receivers.run().then(() => {
      this.#pollsAreOver = true;
      this.deliveries.pollsOver();
    });
    await this.#load();
    await receiving;
    this.#stop.removeEventListener("abort", end);
    this.#settleHeld();
    this.#settle(this.#givenUp, 0);
    this.deliveries.releaseWaiting();
    while (!this.deliveries.callsAreOver) await this.deliveries.changed();
    isSettled.abort();
    this.#meter.cut();
    return { ...this.#outcome(), limit: this.#meter.limit };
  }

  /** Loads what comes until nothing more does, as many batches at a time as the tuning allows. */
  async #load(): Promise<void> {
    for (;;) {
      this.#startLoads();
      this.#receivers.fill();
      const nothingIsLoaded = this.#loads === 0 && this.deliveries.delayed === 0;
      if (nothingIsLoaded && this.#receivers.nothingComes) this.#settleHeld();
      this.#lookForEnd();
      const isAllLoaded = this.#isHalted || this.deliveries.waiting === 0;
      if (this.#pollsAreOver && nothingIsLoaded && isAllLoaded) return;
      await this.deliveries.changed();
    }
  }

  /** Batches are as large as the last load was slow; one more at a time is begun only for a full one. */
  #startLoads(): void {
    while (!this.#isHalted && this.#loads < this.#tuning.connections) {
      if (this.#loads > 0 && !this.deliveries.holdsFullLoad(this.#batchSize)) return;
      const batch = this.deliveries.take(this.#batchSize);
      if (batch.length === 0) return;
      this.#loads += 1;
      void this.#process(batch);
    }
  }

  async #process(batch: readonly Delivery[]): Promise<void> {
    const { clock } = this.#parts;
    const begun = clock.monotonicMillis();
    const loadEnds = this.#meter.loadBegins();
    const messages = batch.map(({ message }) => message as Message);
    const outcomes = await this.#processor.process(messages);
    loadEnds(batch.length);
    this.#loads -= 1;
    const settlements: Settlement<Delivery>[] = [];
    const delayed: Delivery[] = [];
    for (const [index, delivery] of batch.entries()) {
      const outcome = outcomes[index] ?? never();
      if (outcome.kind !== "delayed") settlements.push([delivery, outcome]);
      else {
        delayed.push(delivery);
        void outcome.outcome.then((later) => this.#settleLate([delivery, later], begun));
      }
    }
    this.deliveries.delay(delayed);
    this.#settle(settlements, begun);
  }

  /**
   * One message for which the time to try again is over does not end a run that goes well: it is kept until the end, which
   * then fails. Of a FIFO queue's group others wait behind it.
   */
  #settleLate(settlement: Settlement<Delivery>, begunMillis: number): void {
    const [delivery, outcome] = settlement;
    const isGivenUp =
      outcome.kind === "unsettled" && outcome.error instanceof EtlError && outcome.error.kind === "temporary";
    if (isGivenUp && !this.#isHalted && !this.#stop.aborted && delivery.groupId === undefined) {
      this.#givenUp.push(settlement);
      this.deliveries.hold([delivery]);
    } else this.#settle([settlement], begunMillis);
  }

  #settle(settlements: readonly Settlement<Delivery>[], begunMillis: number): void {
    let rows = 0;
    let [oldest, newest] = [Number.POSITIVE_INFINITY, 0];
    let failed: { readonly error: unknown } | undefined;
    for (const [delivery, outcome] of settlements) {
      if (outcome.kind === "stored") rows += outcome.rows;
      if (outcome.kind === "unsettled") failed ??= outcome;
      if (isDurable(outcome)) {
        oldest = Math.min(oldest, delivery.sentAtMillis);
        newest = Math.max(newest, delivery.sentAtMillis);
      }
    }
    if (failed !== undefined) this.#halt(failed.error);
    const { settle, held, error } = this.#breaker.judge(settlements, (messageId) =>
      this.deliveries.wasRejected(messageId),
    );
    if (error !== undefined) this.#halt(error);
    this.deliveries.hold(held);
    this.deliveries.settle(settle);
    if (settlements.length === 0 || (failed !== undefined && newest === 0)) return;
    const sentAtMillis = newest === 0 ? [] : [oldest, newest];
    const millis = this.#parts.clock.monotonicMillis() - begunMillis;
    this.#parts.onEvent({ type: "loaded", messages: settlements.length, rows, millis, sentAtMillis });
  }

  /**
   * What the circuit breaker holds is rejected if the queue has nothing more to tell by; if the run was cut short it goes
   * back, and with it what waits behind it in its groups.
   */
  #settleHeld(): void {
    const isCutShort = this.#failure !== undefined || this.#stop.aborted;
    this.deliveries.settle(
      isCutShort
        ? this.#breaker.takeHeld().map((delivery) => [delivery, { kind: "released" }])
        : this.#breaker.release(),
    );
  }

  #tellOfTuning(): void {
    const { receivers, connections } = this.#tuning;
    if (receivers === this.#told.receivers && connections === this.#told.connections) return;
    this.#told = { receivers, connections };
    this.#parts.onEvent({ type: "tuned", receivers, connections });
  }

  /** The natural end: polls stay empty, nothing is in flight, and the queue's own count agrees. */
  #lookForEnd(): void {
    if (this.#isAsking || !this.#isQuiet) return;
    this.#isAsking = true;
    void this.#countAgrees().then((agrees) => {
      this.#isAsking = false;
      if (!this.#isQuiet) return;
      if (agrees || this.#contradictions >= maxContradictions) {
        this.#isDrained = true;
        this.#end();
      } else {
        this.#contradictions += 1;
        this.#receivers.resume();
      }
    });
  }

  /** A queue that does not answer is taken as empty: an opinion must never keep a run alive. */
  async #countAgrees(): Promise<boolean> {
    try {
      const { visible, inFlight, delayed } = await this.#source.attributes();
      this.#left = visible + inFlight + delayed;
      return visible <= this.deliveries.visibleAgain;
    } catch {
      return true;
    }
  }

  /** A table that is slow gets fewer at a time. */
  get #batchSize(): number {
    return Math.min(this.#largestBatch, this.#processor.mostMessages);
  }

  get #isQuiet(): boolean {
    return this.deliveries.idle && this.#receivers.quiet && !this.#receiving.signal.aborted;
  }

  /** A batch for each load and one that waits; what the receivers ask for, and as much that is being deleted. */
  get #mostInFlight(): number {
    const { connections, receivers } = this.#tuning;
    return this.#limits.maxInFlight ?? (1 + connections) * this.#batchSize + 2 * batchEntries * receivers;
  }

  /**
   * As long as the grace allows, and not only as long as a queue holds a poll: messages that a slow answer brings would be
   * hidden for a visibility timeout if it was cut off.
   */
  get #lastPollsMillis(): number {
    const { waitSeconds, graceMillis } = this.#limits;
    const allowed = Math.max(graceMillis / 2, graceMillis - settlingMillis);
    return this.#stop.aborted ? allowed : Math.max(allowed, waitSeconds * 1000 + answerMillis);
  }

  /** Receives nothing more; give-backs wait for the polls that are still open. */
  #end(): void {
    this.deliveries.keepBack();
    this.#receiving.abort();
  }

  #halt(error: unknown): void {
    this.#isHalted = true;
    this.#fail(error);
  }

  /** The first error ends the run; what was received is still settled. */
  #fail(error: unknown): void {
    // A stop ends the waiting for a failing service by throwing its last error: that is a stop, not a failure.
    const byStop = this.#stop.aborted && error instanceof EtlError && error.retryable;
    if (!byStop) this.#failure ??= { error };
    this.#end();
  }

  #outcome(): DrainEnd {
    if (this.#failure !== undefined) return { outcome: "failed", error: this.#failure.error };
    if (this.#stop.aborted && !this.#isDrained) return { outcome: "stopped" };
    const undeleted = Math.min(this.deliveries.undeleted, this.#left);
    if (undeleted > 0) return { outcome: "failed", error: notDeleted(undeleted) };
    return { outcome: this.#isDrained ? "drained" : "limit" };
  }
}

function never(): never {
  throw new Error("a processor gives an outcome for each message");
}
