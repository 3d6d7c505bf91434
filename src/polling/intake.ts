/** Where deliveries wait for the loader; its bounds are what slows the receivers when the database is slow. */

import type { Arrival } from "./arrival.ts";
import { Condition } from "./condition.ts";

/** The most bytes of one load, whatever its number of rows. */
const maxBatchBytes = 8 * 1024 * 1024;

/** What a message is taken to need before the first has come. */
const firstEstimateBytes = 2 * 1024;

/** How much may be held between receive and settle. */
export interface IntakeBounds {
  /** Deliveries received, or asked for, and not yet settled; asked for before each receive. */
  readonly maxMessages: () => number;
  /** Bytes of answers under way and of deliveries that wait. */
  readonly maxBytes: number;
}

/**
 * A bounded first-in first-out store. Room is reserved before a receive, and given back when a delivery settles.
 *
 * Of one group of a FIFO queue only one delivery is out at a time; the next can be taken when that one has settled.
 */
export class Intake {
  /** Rings when there may be something new to take, and when the intake is closed. */
  readonly changed = new Condition();
  readonly #bounds: IntakeBounds;
  readonly #busyGroups = new Set<string>();
  #waiting: Arrival[] = [];
  #reserved = 0;
  #bytes = 0;
  /** Messages asked for and not yet answered. */
  #expected = 0;
  /** Follows the largest message at once, and smaller ones slowly. */
  #estimateBytes = firstEstimateBytes;
  #closed = false;
  readonly #onFreed: () => void;

  /** @param onFreed called when room is given back */
  constructor(bounds: IntakeBounds, onFreed: () => void) {
    this.#bounds = bounds;
    this.#onFreed = onFreed;
  }

  /** Reserves room for so many more deliveries, or not at all. One receive is always let through. */
  tryReserve(count: number): boolean {
    const { maxMessages, maxBytes } = this.#bounds;
    const bytes = this.#bytes + (this.#expected + count) * this.#estimateBytes;
    if (this.#reserved > 0 && (this.#reserved + count > maxMessages() || bytes > maxBytes)) return false;
    this.#reserved += count;
    this.#expected += count;
    return true;
  }

  /** A receive for which `count` was reserved has brought `arrivals`, or nothing. */
  answered(count: number, arrivals: readonly Arrival[]): void {
    this.#expected -= count;
    for (const arrival of arrivals) {
      this.#estimateBytes = Math.max(arrival.bytes, this.#estimateBytes * 0.99);
      this.#bytes += arrival.bytes;
      this.#waiting.push(arrival);
    }
    this.free(count - arrivals.length);
    if (arrivals.length > 0) this.changed.ring();
  }

  /** Takes room whether there is some or not, for deliveries that gave theirs back and are to be settled now. */
  reserve(count: number): void {
    this.#reserved += count;
  }

  /** Gives back room: of deliveries that never came, or that have settled. */
  free(count: number): void {
    this.#reserved -= count;
    if (count > 0) this.#onFreed();
  }

  /** The next deliveries in the order of arrival; empty where there is nothing that may be taken now. */
  take(maxMessages: number): readonly Arrival[] {
    const taken: Arrival[] = [];
    const kept: Arrival[] = [];
    let bytes = 0;
    let next = 0;
    for (; next < this.#waiting.length; next += 1) {
      const arrival = this.#waiting[next] as Arrival;
      if (taken.length === maxMessages || bytes >= maxBatchBytes) break;
      const { groupId } = arrival.ref;
      if (groupId !== undefined && this.#busyGroups.has(groupId)) {
        kept.push(arrival);
        continue;
      }
      if (groupId !== undefined) this.#busyGroups.add(groupId);
      bytes += arrival.bytes;
      taken.push(arrival);
    }
    // In place where nothing is kept: a long line is not copied for each batch.
    const rest = this.#waiting;
    rest.splice(0, next);
    this.#remove(taken, kept.length === 0 ? rest : kept.concat(rest));
    return taken;
  }

  /** The next delivery of a group may be taken: the one before it has settled. */
  groupSettled(groupId: string): void {
    this.#busyGroups.delete(groupId);
    this.changed.ring();
  }

  /** Takes out every waiting delivery of a group, as one before them stays in the queue. */
  takeGroup(groupId: string): readonly Arrival[] {
    const taken = this.#waiting.filter(({ ref }) => ref.groupId === groupId);
    this.#remove(
      taken,
      this.#waiting.filter(({ ref }) => ref.groupId !== groupId),
    );
    this.groupSettled(groupId);
    return taken;
  }

  /** Takes out everything, whatever its group. */
  takeAll(): readonly Arrival[] {
    const taken = this.#waiting;
    this.#remove(taken, []);
    return taken;
  }

  /** No more will arrive; what waits can still be taken. */
  close(): void {
    this.#closed = true;
    this.changed.ring();
  }

  /** Whether no more will arrive and nothing waits. */
  get finished(): boolean {
    return this.#closed && this.#waiting.length === 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether so many could be taken at once, or as many bytes as one load may have. */
  holdsFullLoad(maxMessages: number): boolean {
    return this.#waiting.length >= maxMessages || this.#bytes >= maxBatchBytes;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  #remove(taken: readonly Arrival[], waiting: Arrival[]): void {
    for (const { bytes } of taken) this.#bytes -= bytes;
    this.#waiting = waiting;
  }
}
