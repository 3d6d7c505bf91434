/** Gathers what goes to the queue into batch calls of ten, several calls at a time. */

/** Entries of one batch call, and messages of one receive: the most that SQS takes and hands out. */
export const batchEntries = 10;

/** What a sender does. */
export interface BatchSenderParts<T> {
  /** One batch call; what it throws ends the run. */
  readonly call: (items: readonly T[]) => Promise<void>;
  /** Calls at one time, asked for before each. */
  readonly concurrency: () => number;
  /** Called with the error of a call that failed; nothing is sent after it. */
  readonly onFailure: (error: unknown) => void;
  /** Called with what a failed call held, and with what is not sent because of it. */
  readonly onDropped: (items: readonly T[]) => void;
  /** Called after each call, when `idle` is up to date. */
  readonly onDone: () => void;
}

/**
 * Sends full batches as soon as they are full, and a smaller one only while no other call is open: batches are full
 * under load, and nothing ever waits for more to come.
 */
export class BatchSender<T> {
  readonly #parts: BatchSenderParts<T>;
  #pending: T[] = [];
  #calls = 0;
  #failed = false;

  constructor(parts: BatchSenderParts<T>) {
    this.#parts = parts;
  }

  add(items: readonly T[]): void {
    if (this.#failed) {
      this.#parts.onDropped(items);
      return;
    }
    for (const item of items) this.#pending.push(item);
    this.#dispatch();
  }

  /** Whether nothing waits and no call is open. */
  get idle(): boolean {
    return this.#calls === 0 && this.#pending.length === 0;
  }

  #dispatch(): void {
    while (this.#pending.length > 0 && this.#calls < this.#parts.concurrency()) {
      if (this.#pending.length < batchEntries && this.#calls > 0) return;
      this.#calls += 1;
      void this.#send(this.#pending.splice(0, batchEntries));
    }
  }

  async #send(items: readonly T[]): Promise<void> {
    const { call, onFailure, onDropped, onDone } = this.#parts;
    let failure: { readonly error: unknown } | undefined;
    try {
      await call(items);
    } catch (error) {
      failure = { error };
    }
    this.#calls -= 1;
    if (failure !== undefined) {
      this.#failed = true;
      const dropped = [...items, ...this.#pending.splice(0)];
      onFailure(failure.error);
      onDropped(dropped);
    }
    this.#dispatch();
    onDone();
  }
}
