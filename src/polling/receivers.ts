/** The receivers: long polls into the intake, one while the queue is idle and more while it is not. */

import type { Message } from "../message/message.ts";
import type { Arrival } from "./arrival.ts";
import type { Intake } from "./intake.ts";
import type { Meter } from "./meter.ts";
import type { Clock, Source } from "./ports.ts";
import { Tuning } from "./tuning.ts";

/** Messages of one receive, the most that SQS hands out. */
export const receiveEntries = 10;

/** Empty polls in a row after which the queue looks drained. One proves nothing: SQS samples its servers. */
const emptyPollsToPause = 2;

/**
 * The most polls at one time that the tuning comes to: memory grows with them. With as many deletes they stay below the
 * 256 requests that Bun has open at one time, beyond which each would wait for another.
 *
 * @see https://bun.com/docs/runtime/networking/fetch
 */
const mostReceivers = 80;

/**
 * How long polls that are open at a stop may take where messages have been coming: what they are about to bring would
 * otherwise stay hidden for its time-out, and what is given back could go to them.
 */
const lastAnswersMillis = 500;

/** How long a queue server may take to notice that a poll was cut off; it still hands messages to it, such as those given back. */
const hangUpMillis = 200;

/** What the receivers need. */
export interface ReceiverParts {
  readonly source: Pick<Source, "receive">;
  readonly intake: Intake;
  readonly meter: Meter;
  readonly clock: Clock;
  /** How many long polls at one time while messages come. @defaultValue tuned, up to {@link mostReceivers} */
  readonly receivers?: number | undefined;
  readonly waitSeconds: number;
  /** The most deliveries to take in the whole run. @defaultValue unlimited */
  readonly maxMessages?: number | undefined;
  /** No receive is begun after it; polls that wait for messages are ended at once, others soon. */
  readonly signal: AbortSignal;
  /** Whether to go on when polls stay empty. */
  readonly follow: boolean;
  /** Makes arrivals of an answer's messages, and says how many of them this run had not rejected before. */
  readonly onMessages: (messages: readonly Message[]) => { arrivals: readonly Arrival[]; fresh: number };
  /** Called after a poll that brought nothing. */
  readonly onEmpty: () => void;
  /** Called with an error that ends the run; the callee aborts the signal. */
  readonly onFailure: (error: unknown) => void;
}

/** Polls until the signal is aborted or `maxMessages` are taken. */
export class Receivers {
  readonly #parts: ReceiverParts;
  readonly #tuning = new Tuning(mostReceivers);
  readonly #ended = new AbortController();
  /** Ends every open poll. */
  readonly #cut = new AbortController();
  #remaining: number;
  /** Polls in a row, over all receivers, that brought nothing new. */
  #emptyPolls = 0;
  /** Whether the newest answer brought something new. */
  #messagesCome = false;
  #openPolls = 0;
  #wasCut = false;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#remaining = parts.maxMessages ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Whether polls stay empty, and none is open that might still bring something. Nothing is polled then until `resume`:
   * a poll that is cut off may have been handed messages already, which nobody sees before their time-out.
   */
  get quiet(): boolean {
    return this.#paused && this.#openPolls === 0;
  }

  /** Whether a poll is open. */
  get polling(): boolean {
    return this.#openPolls > 0;
  }

  /** Whether the newest answer brought nothing new. */
  get lastPollEmpty(): boolean {
    return this.#emptyPolls > 0;
  }

  /** How many polls are to be open at one time. */
  get wanted(): number {
    const { receivers } = this.#parts;
    // Also of a fixed number only one asks while nothing comes: empty polls cost money.
    if (receivers === undefined || this.#tuning.wanted === 1) return this.#tuning.wanted;
    return receivers;
  }

  /** Polls again after the receivers were quiet. */
  resume(): void {
    this.#emptyPolls = 0;
    this.fill();
  }

  /** Resolves when no receiver polls any more, so that nothing can arrive after it, and the queue knows it. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    const ended = new Promise<void>((resolve) => {
      this.#ended.signal.addEventListener("abort", () => resolve());
    });
    const stop = () => void this.#stop();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    this.fill();
    await ended;
    signal.removeEventListener("abort", stop);
    if (this.#wasCut) await this.#parts.clock.sleep(hangUpMillis);
  }

  async #stop(): Promise<void> {
    if (this.#messagesCome && this.#openPolls > 0) {
      await this.#parts.clock.sleep(lastAnswersMillis, this.#ended.signal);
    }
    this.#wasCut = this.#openPolls > 0;
    this.#cut.abort();
    this.fill();
  }

  /** Opens as many polls as are wanted and have room; to be called whenever one more might. */
  fill(): void {
    const { signal, intake } = this.#parts;
    while (!signal.aborted && this.#remaining > 0 && !this.#paused && this.#openPolls < this.wanted) {
      const count = Math.min(receiveEntries, this.#remaining);
      if (!intake.tryReserve(count)) return;
      this.#remaining -= count;
      this.#openPolls += 1;
      void this.#poll(count).catch((error) => {
        this.#parts.onFailure(error);
        this.fill();
      });
    }
    if (this.#openPolls === 0 && (signal.aborted || this.#remaining === 0)) this.#ended.abort();
  }

  get #paused(): boolean {
    return !this.#parts.follow && this.#emptyPolls >= emptyPollsToPause;
  }

  async #poll(count: number): Promise<void> {
    const { source, signal, waitSeconds, intake, clock, onMessages, onEmpty } = this.#parts;
    const since = clock.monotonicMillis();
    let messages: readonly Message[] = [];
    try {
      messages = await source.receive({ maxMessages: count, waitSeconds, signal: this.#cut.signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#openPolls -= 1;
    }
    const { arrivals, fresh } = onMessages(messages);
    this.#remaining += count - fresh;
    if (!signal.aborted) this.#answered(since, fresh);
    intake.answered(count, arrivals);
    this.fill();
    if (messages.length === 0 && !signal.aborted) onEmpty();
  }

  #answered(sinceMillis: number, fresh: number): void {
    const { meter, receivers } = this.#parts;
    this.#messagesCome = fresh > 0;
    this.#emptyPolls = this.#messagesCome ? 0 : this.#emptyPolls + 1;
    meter.answered(sinceMillis, fresh);
    this.#tuning.answered(fresh);
    if (fresh === 0) {
      // What was measured so far is no measure of how many receivers a backlog needs.
      meter.cut();
      return;
    }
    const interval = meter.cutAfter(this.#tuning.intervalMillis, this.wanted);
    if (interval !== undefined && receivers === undefined) this.#tuning.next(interval);
  }
}
