/** Gathers what goes to the queue into batch calls of ten, several calls at a time. */

import { Condition } from "./condition.ts";

/** Entries of one batch call, the most that SQS takes. */
export const batchEntries = 10;

/** What a gatherer does. */
export interface TensParts<T> {
  /** One batch call; what it throws ends the run. */
  readonly call: (items: readonly T[]) => Promise<void>;
  /** Calls at one time, asked for before each. */
  readonly concurrency: () => number;
  /** Called after each call that was answered, when `idle` is up to date. */
  readonly onDone: (items: readonly T[]) => void;
  /** Called with the error that ends the run; nothing is sent after it. */
  readonly onFailure: (error: unknown) => void;
  /** Called with what a failed call held, and with what is not sent because of it. */
  readonly onDropped: (items: readonly T[]) => void;
}

/**
 * Sends full tens as soon as they are full, and a smaller batch only while no other call is open: batches are full
 * under load, and nothing ever waits for more to come.
 */
export class Tens<T> {
  readonly #parts: TensParts<T>;
  readonly #changed = new Condition();
  #pending: T[] = [];
  #calls = 0;
  #failed = false;

  constructor(parts: TensParts<T>) {
    this.#parts = parts;
  }

  add(items: readonly T[]): void {
    if (this.#failed) {
      this.#parts.onDropped(items);
    } else {
      for (const item of items) this.#pending.push(item);
      this.#dispatch();
    }
  }

  /** Whether nothing waits and no call is open. */
  get idle(): boolean {
    return this.#calls === 0 && this.#pending.length === 0;
  }

  /** Resolves when everything has been sent and answered. */
  async finish(): Promise<void> {
    while (!this.idle) await this.#changed.wait();
  }

  #dispatch(): void {
    while (this.#pending.length > 0 && this.#calls < this.#parts.concurrency()) {
      if (this.#pending.length < batchEntries && this.#calls > 0) return;
      this.#calls += 1;
      void this.#send(this.#pending.splice(0, batchEntries));
    }
  }

  async #send(items: readonly T[]): Promise<void> {
    const { call, onDone, onFailure, onDropped } = this.#parts;
    let failure: { readonly error: unknown } | undefined;
    try {
      await call(items);
    } catch (error) {
      failure = { error };
    }
    this.#calls -= 1;
    if (failure === undefined) {
      this.#dispatch();
      onDone(items);
    } else {
      this.#failed = true;
      onFailure(failure.error);
      onDropped([...items, ...this.#pending.splice(0)]);
    }
    this.#changed.ring();
  }
}
