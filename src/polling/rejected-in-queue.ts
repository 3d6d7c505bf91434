/** The messages that this run left in the queue or copied: each is counted once, however often it comes round. */

import type { RejectionReason } from "../message/message.ts";

/** How many are remembered. The oldest is forgotten first; it would be counted again. */
const remembered = 100_000;

/** Why a message was left: it was rejected, or it waits for a partition. */
export type LeftReason = RejectionReason | "no_partition";

interface Entry {
  /** Undefined while the message has come again and its end is open. */
  reason: LeftReason | undefined;
  /** Monotonic milliseconds. */
  readonly visibleAgainMillis: number;
  readonly isCopied: boolean;
}

/** Remembers messages that were left, and when each can be received again. */
export class RejectedInQueue {
  /** By message id, in the order of their last rejection. */
  readonly #entries = new Map<string, Entry>();

  /** Remembers a message that is left in the queue, also anew. */
  add(messageId: string, reason: LeftReason, visibleAgainMillis: number): void {
    this.#set(messageId, { reason, visibleAgainMillis, isCopied: false });
  }

  /** Remembers a message that the dead-letter queue has: it stays counted as rejected. */
  addCopied(messageId: string, reason: RejectionReason): void {
    this.#set(messageId, { reason, visibleAgainMillis: Number.POSITIVE_INFINITY, isCopied: true });
  }

  #set(messageId: string, entry: Entry): void {
    this.#entries.delete(messageId);
    if (this.#entries.size >= remembered) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(messageId, entry);
  }

  has(messageId: string): boolean {
    return this.#entries.has(messageId);
  }

  /** Whether the dead-letter queue has it. */
  wasCopied(messageId: string): boolean {
    return this.#entries.get(messageId)?.isCopied === true;
  }

  /** Whether it is counted at this moment. */
  isCounted(messageId: string): boolean {
    return this.#entries.get(messageId)?.reason !== undefined;
  }

  /** A message has come again: gives the reason it was counted under; undefined if it is not counted. */
  reopen(messageId: string): LeftReason | undefined {
    const entry = this.#entries.get(messageId);
    if (entry?.isCopied === true) return undefined;
    const reason = entry?.reason;
    if (entry !== undefined) entry.reason = undefined;
    return reason;
  }

  /** Forgets a message that is no longer in the queue. A delete may be lost: of one that was copied nothing is forgotten. */
  remove(messageId: string): void {
    if (!this.wasCopied(messageId)) this.#entries.delete(messageId);
  }

  /** How many of them may be among the messages that the queue counts as visible. */
  visibleAt(nowMillis: number): number {
    let count = 0;
    for (const { visibleAgainMillis } of this.#entries.values()) {
      if (visibleAgainMillis <= nowMillis) count += 1;
    }
    return count;
  }
}
