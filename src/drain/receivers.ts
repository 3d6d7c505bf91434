/** The receivers: long polls into the intake, one while the queue is idle and more while it is not. */

import type { Message } from "../pipeline/message.ts";
import type { Arrival } from "./arrival.ts";
import { Condition } from "./condition.ts";
import type { Intake } from "./intake.ts";
import type { Source } from "./ports.ts";

/** Messages of one receive, the most that SQS hands out. */
const receiveEntries = 10;

/** Empty polls in a row after which the queue looks drained. One proves nothing: SQS samples its servers. */
const emptyPollsToPause = 2;

/** From this many messages in one answer on, the queue is taken to hold a backlog. */
const backlogEntries = 5;

/** What the receivers need. */
export interface ReceiverParts {
  readonly source: Pick<Source, "receive">;
  readonly intake: Intake;
  /** The most long polls at one time. */
  readonly receivers: number;
  readonly waitSeconds: number;
  /** The most deliveries to take in the whole run. @defaultValue unlimited */
  readonly maxMessages?: number | undefined;
  /** Ends every open poll at once; no receive is begun after it. */
  readonly signal: AbortSignal;
  /** Whether to go on when polls stay empty. */
  readonly follow: boolean;
  /** Makes arrivals of an answer's messages, and says how many of them this run had not rejected before. */
  readonly onMessages: (messages: readonly Message[]) => { arrivals: readonly Arrival[]; fresh: number };
  /** Called after a poll that brought nothing new. */
  readonly onEmpty: () => void;
  /** Called with an error that ends the run; the callee aborts the signal. */
  readonly onFailure: (error: unknown) => void;
}

/** Polls until the signal is aborted or `maxMessages` are taken. */
export class Receivers {
  readonly #parts: ReceiverParts;
  readonly #turn = new Condition();
  #wantedCount = 1;
  #remaining: number;
  /** Polls in a row, over all receivers, that brought nothing new. */
  #emptyPolls = 0;
  #openPolls = 0;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#remaining = parts.maxMessages ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Whether polls stay empty, and none is open that might still bring something. Nothing is polled then until `resume`:
   * a poll that is cut off may have been handed messages already, which nobody sees before their time-out.
   */
  get quiet(): boolean {
    return !this.#parts.follow && this.#emptyPolls >= emptyPollsToPause && this.#openPolls === 0;
  }

  /** Whether the newest answer brought nothing new. */
  get lastPollEmpty(): boolean {
    return this.#emptyPolls > 0;
  }

  /** Polls again after the receivers were quiet. */
  resume(): void {
    this.#emptyPolls = 0;
    this.#turn.ring();
  }

  /** Resolves when no receiver polls any more, so that nothing can arrive after it. */
  async run(): Promise<void> {
    const { receivers, signal, intake, onFailure } = this.#parts;
    const wake = () => {
      this.#turn.ring();
      intake.freed.ring();
    };
    signal.addEventListener("abort", wake);
    await Promise.all(
      Array.from({ length: receivers }, (_, index) => this.#receiver(index).catch(onFailure)),
    );
    signal.removeEventListener("abort", wake);
  }

  async #receiver(index: number): Promise<void> {
    const { signal, intake } = this.#parts;
    while (!signal.aborted && this.#remaining > 0) {
      const count = Math.min(receiveEntries, this.#remaining);
      const paused = this.#emptyPolls >= emptyPollsToPause && !this.#parts.follow;
      if (paused || index >= this.#wantedCount) await this.#turn.wait();
      else if (!intake.tryReserve(count)) await intake.freed.wait();
      else await this.#poll(count);
    }
    // The last one to take the limit's messages wakes those that wait for their turn.
    this.#turn.ring();
    intake.freed.ring();
  }

  async #poll(count: number): Promise<void> {
    const { source, signal, waitSeconds, intake, onMessages, onEmpty } = this.#parts;
    this.#remaining -= count;
    this.#openPolls += 1;
    let messages: readonly Message[] = [];
    try {
      messages = await source.receive({ maxMessages: count, waitSeconds, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#openPolls -= 1;
    }
    const { arrivals, fresh } = onMessages(messages);
    this.#remaining += count - fresh;
    intake.answered(count, arrivals);
    if (signal.aborted) return;
    this.#emptyPolls = fresh === 0 ? this.#emptyPolls + 1 : 0;
    this.#adjust(fresh);
    if (fresh === 0) onEmpty();
  }

  /** Empty polls cost money: one receiver asks while nothing comes, and the number doubles with a backlog. */
  #adjust(fresh: number): void {
    if (fresh === 0) this.#wantedCount = 1;
    else if (fresh >= backlogEntries) this.#wantedCount *= 2;
    else this.#wantedCount += 1;
    this.#wantedCount = Math.min(this.#wantedCount, this.#parts.receivers);
    this.#turn.ring();
  }
}
