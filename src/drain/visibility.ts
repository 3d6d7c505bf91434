/** Keeps deliveries invisible to others for as long as this run is at work on them. */

import type { MessageRef } from "../pipeline/message.ts";
import type { Clock, Source, VisibilityChange } from "./ports.ts";
import { batchEntries } from "./tens.ts";

/**
 * The longest that SQS keeps a delivery invisible, counted from its receive.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
 */
const longestVisibilitySeconds = 12 * 60 * 60;

interface Held {
  readonly receivedAtMillis: number;
  readonly dueAtMillis: number;
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
  /** By receipt handle. All wait equally long, so the order of insertion is the order in which they are due. */
  readonly #held = new Map<string, Held>();

  constructor(parts: VisibilityParts) {
    this.#parts = parts;
  }

  /** Holds deliveries that have just been received. */
  hold(refs: readonly MessageRef[]): void {
    const now = this.#parts.clock.monotonicMillis();
    for (const { receiptHandle } of refs) {
      this.#held.set(receiptHandle, { receivedAtMillis: now, dueAtMillis: now + this.#halfMillis });
    }
  }

  /** Lets go of deliveries that are settled, or are to come back by their time-out. */
  letGo(receiptHandles: readonly string[]): void {
    for (const receiptHandle of receiptHandles) this.#held.delete(receiptHandle);
  }

  /** Extends until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, visibilityTimeoutSeconds } = this.#parts;
    // A queue whose messages stay visible cannot be held back.
    while (visibilityTimeoutSeconds > 0 && !signal.aborted) {
      const [first] = this.#held.values();
      const now = clock.monotonicMillis();
      await clock.sleep(
        first === undefined ? this.#halfMillis : Math.max(0, first.dueAtMillis - now),
        signal,
      );
      if (!signal.aborted) await this.#extend(this.#due());
    }
  }

  /** A change that fails is not tried again: the message comes back too early, and the ledger knows it. */
  async #extend(changes: readonly VisibilityChange[]): Promise<void> {
    const calls: Promise<unknown>[] = [];
    for (let start = 0; start < changes.length; start += batchEntries) {
      const batch = changes.slice(start, start + batchEntries);
      calls.push(this.#parts.source.changeVisibility(batch).catch(() => {}));
    }
    await Promise.all(calls);
  }

  #due(): VisibilityChange[] {
    const { clock, visibilityTimeoutSeconds } = this.#parts;
    const now = clock.monotonicMillis();
    const changes: VisibilityChange[] = [];
    for (const [receiptHandle, { receivedAtMillis, dueAtMillis }] of this.#held) {
      // What is put back below is due later, and ends the loop.
      if (dueAtMillis > now) break;
      this.#held.delete(receiptHandle);
      const leftSeconds = longestVisibilitySeconds - Math.ceil((now - receivedAtMillis) / 1000) - 1;
      if (leftSeconds <= 0) continue;
      changes.push({ receiptHandle, timeoutSeconds: Math.min(visibilityTimeoutSeconds, leftSeconds) });
      this.#held.set(receiptHandle, { receivedAtMillis, dueAtMillis: now + this.#halfMillis });
    }
    return changes;
  }

  get #halfMillis(): number {
    return this.#parts.visibilityTimeoutSeconds * 500;
  }
}
