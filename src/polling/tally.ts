/** Counts what becomes of each delivery while the run goes on; the receipt is read off it. */

import type { Rejection, RejectionReason } from "../message/rejection.ts";

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

  /** Counts one delivery as rejected. */
  reject({ reason }: Rejection): void {
    this.rejected += 1;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  /** Takes a rejection back: the message has come again, and is as open as it was. */
  reopen(reason: RejectionReason): void {
    this.rejected -= 1;
    const count = (this.reasons.get(reason) ?? 0) - 1;
    if (count > 0) this.reasons.set(reason, count);
    else this.reasons.delete(reason);
  }

  /** Deliveries received whose fate is still open. */
  get open(): number {
    return this.received - this.inserted - this.duplicates - this.rejected - this.released - this.unsettled;
  }
}
