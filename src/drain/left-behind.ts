/** The messages that this run rejected and left in the queue: each is counted once, however often it comes round. */

/** How many are remembered. The oldest is forgotten first; it would be counted again. */
const remembered = 100_000;

/** Remembers rejected messages, and when each can be received again. */
export class LeftBehind {
  /** Monotonic milliseconds by message id, in the order of their last delivery. */
  readonly #visibleAgainMillis = new Map<string, number>();

  /** Remembers a delivery of a rejected message. */
  add(messageId: string, visibleAgainMillis: number): void {
    this.#visibleAgainMillis.delete(messageId);
    if (this.#visibleAgainMillis.size >= remembered) {
      const [oldest] = this.#visibleAgainMillis.keys();
      if (oldest !== undefined) this.#visibleAgainMillis.delete(oldest);
    }
    this.#visibleAgainMillis.set(messageId, visibleAgainMillis);
  }

  has(messageId: string): boolean {
    return this.#visibleAgainMillis.has(messageId);
  }

  /** How many of them may be among the messages that the queue counts as visible. */
  visibleAt(nowMillis: number): number {
    let count = 0;
    for (const visibleAgainMillis of this.#visibleAgainMillis.values()) {
      if (visibleAgainMillis <= nowMillis) count += 1;
    }
    return count;
  }
}
