/** An output in memory, for tests of what is written to it and when. */

import type { Output } from "../../src/terminal/output.ts";

/** Keeps every write; with `hold` writes wait, as they do for a slow reader. */
export class MemoryOutput implements Output {
  readonly isTerminal: boolean;
  readonly colours = false;
  readonly closed = false;
  readonly place = "memory";
  readonly backlog = 0;
  stuck = false;
  abandoned = false;
  columns: number;
  readonly rows = 24;
  readonly writes: string[] = [];
  /** What every write from now on fails with. */
  failure: Error | undefined;
  #gate: Promise<void> = Promise.resolve();

  constructor({ isTerminal = false, columns = 80 } = {}) {
    this.isTerminal = isTerminal;
    this.columns = columns;
  }

  get text(): string {
    return this.writes.join("");
  }

  /** Holds the writes from now on until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  abandon(): void {
    this.abandoned = true;
  }

  async write(text: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.writes.push(text);
    await this.#gate;
  }
}
