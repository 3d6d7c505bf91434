/** The state of the bench's queue: what is visible, in flight and deleted, and when each message was deleted. */

import type { Messages } from "./messages.ts";

/** What was asked of the queue that a queue may refuse, and what should not have been asked. */
export interface BacklogFaults {
  /** Deletes of a message that was deleted already. */
  deletedTwice: number;
  /** Receipt handles that were never given out. */
  unknownHandles: number;
  /** Messages whose visibility time-out was over before they were deleted. */
  returned: number;
}

/**
 * Messages are handed out in blocks of so many, and in another order than they were sent inside a block, as a
 * standard queue hands them out: nearly in order.
 */
const blockSize = 1024;

/** Prime to the block's size, so that every place of a block is visited once. */
const stride = 421;

/** All times are in microseconds since 1970 UTC. */
export class Backlog {
  readonly messages: Messages;
  readonly faults: BacklogFaults = { deletedTwice: 0, unknownHandles: 0, returned: 0 };
  /** When the delete of each message arrived; 0 if none has. */
  readonly deletedAtMicros: Float64Array;
  deleted = 0;
  firstReceiveMicros = 0;
  lastDeleteMicros = 0;
  readonly #receiveCounts: Uint8Array;
  /** When each message in flight comes back. */
  readonly #hiddenUntilMicros: Float64Array;
  readonly #inFlight = new Set<number>();
  readonly #returned: number[] = [];
  #next = 0;

  constructor(messages: Messages) {
    this.messages = messages;
    this.deletedAtMicros = new Float64Array(messages.count);
    this.#receiveCounts = new Uint8Array(messages.count);
    this.#hiddenUntilMicros = new Float64Array(messages.count);
  }

  get visible(): number {
    return this.messages.count - this.#next + this.#returned.length;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Whether every message is deleted. */
  get drained(): boolean {
    return this.deleted === this.messages.count;
  }

  receiveCount(index: number): number {
    return this.#receiveCounts[index] as number;
  }

  /** Hands out up to so many messages, by their indexes. */
  receive(maxMessages: number, nowMicros: number, visibilityTimeoutMicros: number): number[] {
    if (this.firstReceiveMicros === 0) this.firstReceiveMicros = nowMicros;
    const indexes: number[] = [];
    while (indexes.length < maxMessages) {
      const index = this.#returned.pop() ?? this.#takeNext();
      if (index === undefined) break;
      // Deleted by an earlier handle while it was waiting here again.
      if (this.deletedAtMicros[index] !== 0) continue;
      this.#receiveCounts[index] = this.receiveCount(index) + 1;
      this.#hiddenUntilMicros[index] = nowMicros + visibilityTimeoutMicros;
      this.#inFlight.add(index);
      indexes.push(index);
    }
    return indexes;
  }

  /** @returns whether the handle is one that was given out */
  delete(receiptHandle: string, nowMicros: number): boolean {
    const index = this.#indexOf(receiptHandle);
    if (index === undefined) return false;
    if (this.deletedAtMicros[index] !== 0) this.faults.deletedTwice += 1;
    else {
      this.deletedAtMicros[index] = nowMicros;
      this.deleted += 1;
      this.lastDeleteMicros = nowMicros;
      this.#inFlight.delete(index);
    }
    return true;
  }

  /** @returns whether the handle is one that was given out */
  changeVisibility(receiptHandle: string, hiddenUntilMicros: number): boolean {
    const index = this.#indexOf(receiptHandle);
    if (index === undefined) return false;
    this.#hiddenUntilMicros[index] = hiddenUntilMicros;
    return true;
  }

  /** Makes visible again what has been in flight for too long; to be called now and then. */
  returnOverdue(nowMicros: number): void {
    for (const index of this.#inFlight) {
      if ((this.#hiddenUntilMicros[index] as number) > nowMicros) continue;
      this.#inFlight.delete(index);
      this.#returned.push(index);
      this.faults.returned += 1;
    }
  }

  #indexOf(receiptHandle: string): number | undefined {
    const index = this.messages.indexOfHandle(receiptHandle);
    if (index !== undefined && this.receiveCount(index) > 0) return index;
    this.faults.unknownHandles += 1;
    return undefined;
  }

  #takeNext(): number | undefined {
    const { count } = this.messages;
    if (this.#next === count) return undefined;
    const place = this.#next;
    this.#next += 1;
    const block = place - (place % blockSize);
    return block + blockSize > count ? place : block + (((place - block) * stride) % blockSize);
  }
}
