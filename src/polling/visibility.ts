/** Keeps deliveries invisible to others for as long as this run is at work on them. */

import type { MessageRef } from "../message/message.ts";
import type { Clock, Source } from "./ports.ts";
import { batchEntries } from "./tens.ts";

/**
 * The longest that SQS keeps a delivery invisible, counted from its receive.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
 */
const longestVisibilitySeconds = 12 * 60 * 60;

/** Calls at one time while they work. While they fail it is one, to see whether they work again. */
const callsAtOnce = 32;

const firstPauseMillis = 100;
const longestPauseMillis = 10_000;

interface Held {
  readonly receivedAtMillis: number;
  /** Since when it is invisible for the time-out. */
  readonly hiddenAtMillis: number;
}

/** What the keeper needs. */
export interface VisibilityParts {
  readonly source: Pick<Source, "changeVisibility">;
  readonly clock: Clock;
  /** The queue's own time-out. */
  readonly visibilityTimeoutSeconds: number;
}

/** Extends the visibility of what it holds when half of the time-out has passed, again and again. */
export class VisibilityKeeper {
  readonly #parts: VisibilityParts;
  /** By delivery. All wait equally long, so the order of insertion is the order in which they are due. */
  readonly #held = new Map<MessageRef, Held>();
  /** Calls in a row that failed. */
  #failures = 0;

  constructor(parts: VisibilityParts) {
    this.#parts = parts;
  }

  /** Holds deliveries that have just been received. */
  hold(deliveries: readonly { readonly ref: MessageRef }[]): void {
    const now = this.#parts.clock.monotonicMillis();
    const held = { receivedAtMillis: now, hiddenAtMillis: now };
    for (const { ref } of deliveries) this.#held.set(ref, held);
  }

  /** Lets go of deliveries that are settled, or are to come back by their time-out. */
  letGo(refs: readonly MessageRef[]): void {
    for (const ref of refs) this.#held.delete(ref);
  }

  /** Extends until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, visibilityTimeoutSeconds } = this.#parts;
    // A queue whose messages stay visible cannot be held back.
    while (visibilityTimeoutSeconds > 0 && !signal.aborted) {
      await clock.sleep(this.#pauseMillis(), signal);
      if (!signal.aborted) await this.#extend();
    }
  }

  #pauseMillis(): number {
    if (this.#failures > 0) {
      const pause = firstPauseMillis * 2 ** Math.min(this.#failures - 1, 10);
      return Math.min(pause, longestPauseMillis, this.#halfMillis / 2);
    }
    const [first] = this.#held.values();
    if (first === undefined) return this.#halfMillis;
    return Math.max(0, first.hiddenAtMillis + this.#halfMillis - this.#parts.clock.monotonicMillis());
  }

  /**
   * Extends what is due. Where a call fails, its deliveries stay due for another attempt, and all others wait until one
   * works again: a queue that is cut off is not to be called for thousands of deliveries, over and over.
   */
  async #extend(): Promise<void> {
    const due = this.#due(this.#failures > 0 ? batchEntries : callsAtOnce * batchEntries);
    const calls: Promise<boolean>[] = [];
    for (let start = 0; start < due.length; start += batchEntries) {
      calls.push(this.#extendTen(due.slice(start, start + batchEntries)));
    }
    const worked = await Promise.all(calls);
    if (worked.length > 0) this.#failures = worked.some((works) => works) ? 0 : this.#failures + 1;
    else if (this.#held.size === 0) this.#failures = 0;
  }

  async #extendTen(due: readonly (readonly [MessageRef, number])[]): Promise<boolean> {
    const { source, clock } = this.#parts;
    const now = clock.monotonicMillis();
    const changes = due.map(([{ receiptHandle }, timeoutSeconds]) => ({ receiptHandle, timeoutSeconds }));
    try {
      await source.changeVisibility(changes);
    } catch {
      return false;
    }
    for (const [ref] of due) {
      const held = this.#held.get(ref);
      // It may have been settled meanwhile.
      if (held === undefined || !this.#held.delete(ref)) continue;
      this.#held.set(ref, { receivedAtMillis: held.receivedAtMillis, hiddenAtMillis: now });
    }
    return true;
  }

  /** The deliveries that are due, each with its new time-out; lets go of what can be held no longer. */
  #due(most: number): [MessageRef, number][] {
    const { clock, visibilityTimeoutSeconds } = this.#parts;
    const now = clock.monotonicMillis();
    const due: [MessageRef, number][] = [];
    for (const [ref, { receivedAtMillis, hiddenAtMillis }] of this.#held) {
      if (hiddenAtMillis + this.#halfMillis > now || due.length === most) break;
      const leftSeconds = longestVisibilitySeconds - Math.ceil((now - receivedAtMillis) / 1000) - 1;
      // What has been visible again for a while cannot be hidden any more: it comes again, and is recognised.
      if (leftSeconds <= 0 || now > hiddenAtMillis + 3 * this.#halfMillis) this.#held.delete(ref);
      else due.push([ref, Math.min(visibilityTimeoutSeconds, leftSeconds)]);
    }
    return due;
  }

  get #halfMillis(): number {
    return this.#parts.visibilityTimeoutSeconds * 500;
  }
}
