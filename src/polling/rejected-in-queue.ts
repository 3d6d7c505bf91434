/** The messages that this run rejected and left in the queue: each is counted once, however often it comes round. */

import type { RejectionReason } from "../message/message.ts";

/** How many are remembered. The oldest is forgotten first; it would be counted again. */
const remembered = 100_000;

interface Entry {
  /** Undefined while the message has come again and its end is open. */
  reason: RejectionReason | undefined;
  /** Monotonic milliseconds. */
  readonly visibleAgainMillis: number;
}

/** Remembers rejected messages, and when each can be received again. */
export class RejectedInQueue {
  /** By message id, in the order of their last rejection. */
  readonly #entries = new Map<string, Entry>();

  /** Remembers a message, also anew. */
  add(messageId: string, reason: RejectionReason, visibleAgainMillis: number): void {
    this.#entries.delete(messageId);
    if (this.#entries.size >= remembered) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(messageId, { reason, visibleAgainMillis });
  }

  has(messageId: string): boolean {
    return this.#entries.has(messageId);
  }

  /** Whether its rejection is counted at this moment. */
  isCounted(messageId: string): boolean {
    return this.#entries.get(messageId)?.reason !== undefined;
  }

  /** A rejected message has come again: gives the reason it was counted under; undefined if it is not counted. */
  reopen(messageId: string): RejectionReason | undefined {
    const entry = this.#entries.get(messageId);
    const reason = entry?.reason;
    if (entry !== undefined) entry.reason = undefined;
    return reason;
  }

  /** Forgets a message that is no longer in the queue. */
  remove(messageId: string): void {
    this.#entries.delete(messageId);
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
