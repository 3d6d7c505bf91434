/** The receivers: long polls into the register, one while the queue is idle and more while it is not. */

import type { Message } from "../message/message.ts";
import { batchEntries } from "./batch-sender.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Meter } from "./meter.ts";
import type { Clock, Source } from "./ports.ts";
import type { Tuning } from "./tuning.ts";

/** Empty polls in a row after which the queue looks drained. One proves nothing: SQS samples its servers. */
const emptyPollsToPause = 2;

/**
 * How long a poll that brought nothing new takes at least, from the second in a row on: twice as long after each further
 * one, up to the longest. A queue that does not hold polls open would be asked thousands of times a second.
 */
const restMillis = { first: 50, longest: 1_000 };

/** How long a queue server may take to notice that a poll was cut off; it still hands messages to it, such as those given back. */
const hangUpMillis = 200;

/** What the receivers need. */
export interface ReceiverParts {
  readonly source: Pick<Source, "receive">;
  readonly deliveries: Pick<Deliveries, "tryReserve" | "arrive" | "answers">;
  readonly meter: Meter;
  readonly tuning: Tuning;
  readonly clock: Clock;
  readonly waitSeconds: number;
  /** The most deliveries to take in the whole run. @defaultValue unlimited */
  readonly maxMessages?: number | undefined;
  /** Whether to go on when polls stay empty. */
  readonly follow: boolean;
  /** No receive is begun after it. */
  readonly signal: AbortSignal;
  /** Asks the run to stop; it ends by itself without it. */
  readonly stop: AbortSignal;
  /** How long polls that are open when nothing more is received may take to be answered, in milliseconds; asked then, and at a stop. */
  readonly lastPollsMillis: () => number;
  /** Whether a message is in hand already, and no sign that there is more. */
  readonly isKnown: (messageId: string) => boolean;
  /** Called with how many messages of an answer were new. */
  readonly onAnswer: (fresh: number) => void;
  /** Called with an error that ends the run; the callee aborts the signal. */
  readonly onFailure: (error: unknown) => void;
}

/** Polls until the signal is aborted or `maxMessages` are taken. */
export class Receivers {
  readonly #parts: ReceiverParts;
  readonly #ended = new AbortController();
  /** Ends every open poll. */
  readonly #cut = new AbortController();
  #remaining: number;
  /** Polls in a row, over all receivers, that brought nothing new. */
  #emptyPolls = 0;
  #openPolls = 0;
  /** Aborted when polls go on; set while none is begun, because those before brought nothing at once. */
  #rest: AbortController | undefined;
  #restMillis = 0;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#remaining = parts.maxMessages ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Whether polls stay empty, and none is open that might still bring something. Nothing is polled then until `resume`:
   * a poll that is cut off may have been handed messages already, which nobody sees before their visibility timeout.
   */
  get quiet(): boolean {
    return this.#paused && this.#openPolls === 0;
  }

  /** Whether nothing comes: the newest answer brought nothing new, or no poll can be opened, and no answer be read, for want of room. */
  get nothingComes(): boolean {
    return this.#emptyPolls > 0 || this.#openPolls === this.#parts.deliveries.answers.waiting;
  }

  /** Polls again after the receivers were quiet. */
  resume(): void {
    this.#emptyPolls = 0;
    this.#restMillis = 0;
    this.fill();
  }

  /**
   * Resolves when no receiver polls any more, so that nothing can arrive after it, and the queue knows it.
   *
   * Open polls are left to be answered: a queue may hand messages to a poll that was cut off, also such as this run gives
   * back, and they would be hidden for a visibility timeout. Only what is not answered in time is cut off.
   */
  async run(): Promise<void> {
    const { signal, clock } = this.#parts;
    let wasCut = false;
    const ended = new Promise<void>((resolve) => {
      this.#ended.signal.addEventListener("abort", () => resolve());
    });
    const end = async () => {
      this.fill();
      const { stop, lastPollsMillis } = this.#parts;
      if (!stop.aborted) await clock.sleep(lastPollsMillis(), AbortSignal.any([this.#ended.signal, stop]));
      // A stop that comes while polls are waited for leaves less time for them.
      if (stop.aborted) await clock.sleep(lastPollsMillis(), this.#ended.signal);
      wasCut = this.#openPolls > 0;
      this.#cut.abort();
    };
    if (signal.aborted) void end();
    signal.addEventListener("abort", end);
    this.fill();
    await ended;
    signal.removeEventListener("abort", end);
    // What a source keeps for its next poll is given back at this.
    this.#cut.abort();
    if (wasCut) await clock.sleep(hangUpMillis);
  }

  /** Opens as many polls as are wanted and have room; to be called whenever one more might. */
  fill(): void {
    const { signal, deliveries, tuning } = this.#parts;
    const isResting = this.#rest !== undefined;
    while (
      !(signal.aborted || isResting || this.#paused) &&
      this.#remaining > 0 &&
      this.#openPolls < tuning.receivers
    ) {
      const count = Math.min(batchEntries, this.#remaining);
      if (!deliveries.tryReserve(count)) return;
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
    const { source, signal, waitSeconds, deliveries, clock, isKnown, onAnswer } = this.#parts;
    const since = clock.monotonicMillis();
    let messages: readonly Message[] = [];
    const { answers } = deliveries;
    const place = answers.open();
    try {
      messages = await source.receive({
        ...{ maxMessages: count, waitSeconds, signal: this.#cut.signal, ending: signal },
        admit: (bytes) => answers.admit(place, bytes),
      });
    } catch (error) {
      // At once: whoever looks for room meanwhile must not open another poll.
      if (!signal.aborted) this.#parts.onFailure(error);
    }
    this.#openPolls -= 1;
    const fresh = deliveries.arrive(count, messages, isKnown);
    answers.free(place);
    this.#remaining += count - fresh;
    if (!signal.aborted) this.#answered(since, fresh);
    this.fill();
    onAnswer(fresh);
  }

  /** Begins no poll for a while, unless the one that was begun then has taken as long. */
  async #restAfter(sinceMillis: number): Promise<void> {
    const { clock, signal } = this.#parts;
    const millis = sinceMillis + this.#restMillis - clock.monotonicMillis();
    this.#restMillis = Math.min(restMillis.longest, 2 * this.#restMillis || restMillis.first);
    if (millis <= 0) return;
    this.#rest = new AbortController();
    await clock.sleep(millis, AbortSignal.any([signal, this.#rest.signal]));
    this.#rest = undefined;
    this.fill();
  }

  #answered(sinceMillis: number, fresh: number): void {
    const { meter, tuning } = this.#parts;
    this.#emptyPolls = fresh > 0 ? 0 : this.#emptyPolls + 1;
    meter.answered(sinceMillis, fresh);
    tuning.answered(fresh);
    if (fresh > 0) {
      this.#restMillis = 0;
      this.#rest?.abort();
    } else if (this.#rest === undefined) void this.#restAfter(sinceMillis);
    if (fresh === 0) {
      // What was measured so far is no measure of how many receivers a backlog needs.
      meter.cut();
      return;
    }
    const interval = meter.cutAfter(tuning.intervalMillis, tuning.receivers);
    if (interval !== undefined) tuning.next(interval);
  }
}
