/** Where mapped messages wait for the loader; its bound is what slows the receivers when the database is slow. */

import type { MappedMessage } from "../pipeline/row.ts";
import { Condition } from "./condition.ts";

/** The most characters that one load may carry, whatever its number of rows. */
const maxBatchCharacters = 8 * 1024 * 1024;

/** How much may be held between receive and settle. */
export interface IntakeBounds {
  /** Deliveries received, or asked for, and not yet settled. */
  readonly maxMessages: number;
  /** Characters in the cells of waiting rows. */
  readonly maxCharacters: number;
}

/** A bounded first-in first-out store. Room is reserved before a receive and given back when a delivery settles. */
export class Intake {
  /** Rings when messages arrive or the intake is closed. */
  readonly arrived = new Condition();
  /** Rings when room is given back. */
  readonly freed = new Condition();
  readonly #bounds: IntakeBounds;
  #waiting: MappedMessage[] = [];
  #reserved = 0;
  #characters = 0;
  #closed = false;

  constructor(bounds: IntakeBounds) {
    this.#bounds = bounds;
  }

  /** Room is reserved for so many more deliveries, or not at all. */
  tryReserve(count: number): boolean {
    if (this.#characters >= this.#bounds.maxCharacters) return false;
    if (this.#reserved > 0 && this.#reserved + count > this.#bounds.maxMessages) return false;
    this.#reserved += count;
    return true;
  }

  /** Gives back room: a delivery that never came, was rejected, or has settled. */
  free(count: number): void {
    this.#reserved -= count;
    this.freed.ring();
  }

  add(message: MappedMessage): void {
    this.#waiting.push(message);
    this.#characters += charactersOf(message);
    this.arrived.ring();
  }

  /** The next batch in the order of arrival; empty when nothing waits. */
  take(maxMessages: number): readonly MappedMessage[] {
    let count = 0;
    let characters = 0;
    for (const message of this.#waiting) {
      if (count === maxMessages || characters >= maxBatchCharacters) break;
      characters += charactersOf(message);
      count += 1;
    }
    this.#characters -= characters;
    return this.#waiting.splice(0, count);
  }

  /** No more will arrive; what waits can still be taken. */
  close(): void {
    this.#closed = true;
    this.arrived.ring();
  }

  get closed(): boolean {
    return this.#closed;
  }

  get waiting(): number {
    return this.#waiting.length;
  }
}

function charactersOf(message: MappedMessage): number {
  let characters = 0;
  for (const cell of message.row) characters += cell?.length ?? 0;
  return characters;
}
