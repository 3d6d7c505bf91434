/** The last station: deletes from the queue what is durable in the table. */

import type { MessageRef } from "../pipeline/message.ts";
import { Condition } from "./condition.ts";
import type { Source } from "./ports.ts";
import type { Tally } from "./tally.ts";

/** Entries of one batch call, the most that SQS takes. */
export const batchEntries = 10;

/** What the deleter needs. */
export interface DeleterParts {
  readonly source: Pick<Source, "delete">;
  readonly tally: Tally;
  /** Calls to the queue at one time. */
  readonly concurrency: number;
  /** Called with the number of deliveries whose delete is over, confirmed or not. */
  readonly onSettled: (count: number) => void;
  /** Called with the number of deliveries that could not be deleted: they come back, and the ledger knows them. */
  readonly onUndeleted: (count: number) => void;
  /** Called once with the error that ends the run; nothing is deleted after it. */
  readonly onFailure: (error: unknown) => void;
}

/** Gathers deliveries into full batches of ten and deletes them, several calls at a time. */
export class Deleter {
  readonly #parts: DeleterParts;
  readonly #changed = new Condition();
  #pending: string[] = [];
  #calls = 0;
  #flushing = false;
  #failed = false;

  constructor(parts: DeleterParts) {
    this.#parts = parts;
  }

  /** Takes deliveries whose commit is acknowledged, and only those. */
  add(refs: readonly MessageRef[]): void {
    for (const ref of refs) this.#pending.push(ref.receiptHandle);
    this.#dispatch();
  }

  /** Sends what does not fill a batch, too: called when no further deliveries are about to come. */
  flush(): void {
    this.#flushing = true;
    this.#dispatch();
  }

  /** Whether nothing waits and no call is open. */
  get idle(): boolean {
    return this.#calls === 0 && (this.#failed || this.#pending.length === 0);
  }

  /** Sends everything and resolves when the last call has ended. */
  async finish(): Promise<void> {
    this.flush();
    while (!this.idle) await this.#changed.wait();
  }

  #dispatch(): void {
    while (!this.#failed && this.#calls < this.#parts.concurrency) {
      if (this.#pending.length < batchEntries && !this.#flushing) return;
      const handles = this.#pending.splice(0, batchEntries);
      if (handles.length === 0) {
        this.#flushing = false;
        return;
      }
      this.#calls += 1;
      void this.#delete(handles);
    }
  }

  async #delete(handles: readonly string[]): Promise<void> {
    const { source, tally } = this.#parts;
    try {
      const { settled, failed } = await source.delete(handles);
      tally.deleted += settled;
      if (failed > 0) this.#parts.onUndeleted(failed);
    } catch (error) {
      if (!this.#failed) {
        this.#failed = true;
        this.#parts.onFailure(error);
      }
    }
    this.#calls -= 1;
    this.#parts.onSettled(handles.length);
    this.#dispatch();
    this.#changed.ring();
  }
}
