/** The messages that this run has stored or found stored, and that are in the queue all the same. */

import type { Delivery } from "./delivery.ts";

/** How many are remembered. The oldest is forgotten first. */
const remembered = 100_000;

/** A call that said of so many of its entries that they failed, and not of which: those that come again. */
interface FailedCall {
  left: number;
}

interface Entry {
  /** Set if its delete may have failed. */
  readonly failedCall?: FailedCall | undefined;
  /** Whether it has come again after a delete that was said to have succeeded. */
  readonly isBack: boolean;
  /** Whether it has come again, and its next delete has not been answered. */
  readonly isHere: boolean;
  /** When it was last received or deleted, in monotonic milliseconds. */
  readonly atMillis: number;
}

/**
 * Remembers messages whose delete failed, and duplicates that were deleted: SQS may hand out a deleted message once more,
 * but one that goes on coming has not been deleted. All of them are forgotten when they stay away.
 */
export class UndeletedInQueue {
  /** How long a message that is in the queue stays away at most. */
  readonly #absenceMillis: number;
  /** By message id, in the order of their times. */
  readonly #entries = new Map<string, Entry>();
  /** When there last were any. */
  #lastMillis = Number.NEGATIVE_INFINITY;
  #failed = 0;
  #back = 0;
  #known = 0;

  /** @param absenceMillis how long a message that is still in the queue stays away at most */
  constructor(absenceMillis: number) {
    this.#absenceMillis = absenceMillis;
  }

  /** A delete has been answered, or has failed: then with as many failures as entries. */
  deleted(batch: readonly Delivery[], failed: number, nowMillis: number): void {
    const failedCall = failed > 0 ? { left: failed } : undefined;
    this.#failed += failed;
    for (const { messageId, isDuplicate } of batch) {
      if (failedCall === undefined && !isDuplicate) continue;
      const isBack = this.#entries.get(messageId)?.isBack === true;
      this.#set(messageId, { failedCall, isBack, isHere: false, atMillis: nowMillis });
    }
    this.#forget(nowMillis);
    if (this.size > 0) this.#lastMillis = nowMillis;
  }

  /**
   * A message has come.
   *
   * @returns whether it is one of them, and no sign that there is more
   */
  arrived(messageId: string, nowMillis: number): boolean {
    if (this.#entries.size === 0) return false;
    this.#forget(nowMillis);
    const entry = this.#entries.get(messageId);
    if (entry === undefined) return false;
    const isBack = entry.isBack || (entry.failedCall === undefined && !entry.isHere);
    this.#set(messageId, { isBack, isHere: true, atMillis: nowMillis });
    return true;
  }

  /** How many there are. */
  get size(): number {
    return this.#failed + this.#known;
  }

  /** Whether there have been none for as long as one might stay away. */
  isOver(nowMillis: number): boolean {
    return this.#lastMillis + this.#absenceMillis <= nowMillis;
  }

  /** How many of them were said to be deleted, and came again. */
  get back(): number {
    return this.#back;
  }

  #set(messageId: string, entry: Entry): void {
    this.#remove(messageId);
    this.#entries.set(messageId, entry);
    if (entry.isBack) this.#back += 1;
    if (entry.isBack || entry.isHere) this.#known += 1;
  }

  #remove(messageId: string): void {
    const entry = this.#entries.get(messageId);
    if (entry === undefined) return;
    this.#entries.delete(messageId);
    if (entry.isBack) this.#back -= 1;
    if (entry.isBack || entry.isHere) this.#known -= 1;
    const { failedCall } = entry;
    if (failedCall === undefined || failedCall.left === 0) return;
    failedCall.left -= 1;
    this.#failed -= 1;
  }

  #forget(nowMillis: number): void {
    for (const [messageId, { atMillis }] of this.#entries) {
      if (atMillis + this.#absenceMillis > nowMillis && this.#entries.size <= remembered) return;
      this.#remove(messageId);
    }
  }
}
