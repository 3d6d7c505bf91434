/** What becomes of a rejected delivery: it stays in the queue, or goes to the dead-letter queue, whole. */

import type { Message, MessageRef } from "../message/message.ts";
import type { Rejection } from "../message/rejection.ts";
import type { Arrival } from "./arrival.ts";
import type { DeadLetterQueue, Source } from "./ports.ts";
import { Tens } from "./tens.ts";

/** A rejected message comes back this late at the most: soon enough to see that its cause is mended. */
const longestAbsenceSeconds = 3600;

/** A delivery and why it is rejected. */
export interface Reject {
  readonly arrival: Arrival;
  readonly rejection: Rejection;
}

/** What the handling of rejects needs. */
export interface RejectsParts {
  readonly source: Pick<Source, "changeVisibility">;
  /** Where rejected messages go. @defaultValue they stay in the queue */
  readonly deadLetters?: DeadLetterQueue | undefined;
  /** The queue's own time-out. */
  readonly visibilityTimeoutSeconds: number;
  /** Calls to the queue at one time. */
  readonly concurrency: () => number;
  /** Called with deliveries whose copy the dead-letter queue has: they are to be deleted. */
  readonly onCopied: (refs: readonly MessageRef[]) => void;
  /** Called with how many messages there can be no copy of. */
  readonly onUncopied: (count: number) => void;
  /** Called with deliveries that stay in the queue. */
  readonly onLeft: (refs: readonly MessageRef[]) => void;
  readonly onDone: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** Settles rejected deliveries, ten a call. */
export class Rejects {
  readonly #parts: RejectsParts;
  readonly #copying: Tens<Reject>;
  readonly #leaving: Tens<Reject>;

  constructor(parts: RejectsParts) {
    this.#parts = parts;
    const { concurrency, onDone, onFailure } = parts;
    this.#copying = new Tens({
      call: (rejects) => this.#copy(rejects),
      concurrency,
      onDone,
      onFailure,
      onDropped: (rejects) => this.#leave(rejects),
    });
    this.#leaving = new Tens({
      call: (rejects) => this.#hide(rejects),
      concurrency,
      onDone,
      onFailure,
      onDropped: onDone,
    });
  }

  add(rejects: readonly Reject[]): void {
    if (this.#parts.deadLetters === undefined) this.#leave(rejects);
    else this.#copying.add(rejects);
  }

  get idle(): boolean {
    return this.#copying.idle && this.#leaving.idle;
  }

  /** Resolves when every call has been answered. */
  async finish(): Promise<void> {
    await this.#copying.finish();
    await this.#leaving.finish();
  }

  /** A copy is accepted before the original is deleted: it may arrive twice, and is never lost. */
  async #copy(rejects: readonly Reject[]): Promise<void> {
    const { deadLetters, onCopied, onUncopied } = this.#parts;
    // Where there is a dead-letter queue, the run keeps every message whole until it is settled.
    const letters = rejects.map(({ arrival, rejection }) => ({
      message: arrival.letter as Message,
      rejection,
    }));
    const accepted = (await deadLetters?.send(letters)) ?? new Set();
    onCopied(rejects.filter((_, index) => accepted.has(index)).map(({ arrival }) => arrival.ref));
    const uncopied = rejects.filter((_, index) => !accepted.has(index));
    if (uncopied.length > 0) onUncopied(uncopied.length);
    this.#leave(uncopied);
  }

  #leave(rejects: readonly Reject[]): void {
    const refs = rejects.map(({ arrival }) => arrival.ref);
    this.#leaving.add(rejects);
    if (refs.length > 0) this.#parts.onLeft(refs);
  }

  /** Where this fails, the message comes back after the queue's own time-out, a little too soon. */
  async #hide(rejects: readonly Reject[]): Promise<void> {
    const { source, visibilityTimeoutSeconds } = this.#parts;
    const changes = rejects.map((reject) => ({
      receiptHandle: reject.arrival.ref.receiptHandle,
      timeoutSeconds: absenceSeconds(visibilityTimeoutSeconds, reject),
    }));
    await source.changeVisibility(changes).catch(() => {});
  }
}

/**
 * How long a rejected message stays away: the queue's time-out, doubled with each receive, so that a message that is
 * always rejected does not keep the drain busy. One that was damaged on its way is no such message: it stays away for
 * the time-out itself.
 */
export function absenceSeconds(visibilityTimeoutSeconds: number, { arrival, rejection }: Reject): number {
  const first = Math.max(1, visibilityTimeoutSeconds);
  const { receiveCount } = arrival.ref;
  if (rejection.reason === "body_md5_mismatch") return first;
  return Math.min(first * 2 ** Math.min(receiveCount - 1, 20), Math.max(first, longestAbsenceSeconds));
}
