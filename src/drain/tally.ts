/** Counts what becomes of each delivery while the run goes on; the receipt is read off it. */

import type { Rejection } from "../pipeline/rejection.ts";

/** How many rejected messages are remembered, so that each is counted once however often it comes round. */
export const rememberedRejections = 100_000;

/** The running counts of one run. */
export class Tally {
  received = 0;
  inserted = 0;
  duplicates = 0;
  rejected = 0;
  released = 0;
  unsettled = 0;
  deleted = 0;
  readonly reasons = new Map<string, number>();
  readonly #rejectedIds = new Set<string>();

  /** Counts one delivery as rejected and remembers its message. */
  reject(rejection: Rejection): void {
    this.rejected += 1;
    this.reasons.set(rejection.reason, (this.reasons.get(rejection.reason) ?? 0) + 1);
    if (this.#rejectedIds.size >= rememberedRejections) {
      const [oldest] = this.#rejectedIds;
      if (oldest !== undefined) this.#rejectedIds.delete(oldest);
    }
    this.#rejectedIds.add(rejection.messageId);
  }

  /** Whether this run has rejected the message already: it is left alone then, and not counted again. */
  hasRejected(messageId: string): boolean {
    return this.#rejectedIds.has(messageId);
  }

  /** Messages that were rejected and left in the queue, as far as they are remembered. */
  get leftInQueue(): number {
    return this.#rejectedIds.size;
  }

  /** Deliveries received whose fate is still open. */
  get open(): number {
    return this.received - this.inserted - this.duplicates - this.rejected - this.released - this.unsettled;
  }
}
