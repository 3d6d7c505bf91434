/** Removes what is recorded of rejections once their messages have gone back: beside the move, never in its way. */

import { EtlError } from "../../errors.ts";
import type { Message } from "../../message/message.ts";
import type { Clock } from "../../polling/ports.ts";
import type { Database } from "../../postgres/connect.ts";
import type { LedgerHome } from "../../postgres/ledger.ts";
import { removeRejections } from "../../postgres/records.ts";
import { countOf } from "../../terminal/numbers.ts";
import type { Context } from "../context.ts";
import { identitiesOf } from "./letter-check.ts";

/** The longest that the end of a move waits for its records. */
const endMillis = 2_000;

/** What is needed to remove records. */
export interface LetterRecordsParts {
  /** Not the check's: its transactions stand in line. Closed at the end. */
  readonly database: Database;
  readonly home: LedgerHome;
  /** The table's name as SQL takes it. */
  readonly table: string;
  /** The queue that the messages were rejected from, and have gone back to. */
  readonly queueArn: string;
  readonly clock: Clock;
  readonly log: Pick<Context["log"], "info">;
  /** Aborted where the move must end at once. */
  readonly forced: AbortSignal;
}

/** The records of the messages of a move. They never fail it. */
export interface LetterRecords {
  /** Takes note of messages that the queue has accepted again: these are new ones, and not rejected. Returns at once. */
  moved(letters: readonly Message[]): void;
  /** Resolves when all is removed, within two seconds, and at once after a forced stop. */
  end(): Promise<void>;
}

/** Begins to remove. What cannot be removed is told of in one line at the end. */
export function openLetterRecords(parts: LetterRecordsParts): LetterRecords {
  return new Records(parts);
}

class Records implements LetterRecords {
  readonly #parts: LetterRecordsParts;
  readonly #over = new AbortController();
  #last: Promise<void> = Promise.resolve();
  /** Messages whose records may still be there. */
  #remaining = 0;
  #failure: EtlError | undefined;

  constructor(parts: LetterRecordsParts) {
    this.#parts = parts;
  }

  moved(letters: readonly Message[]): void {
    this.#remaining += letters.length;
    this.#last = this.#last.then(() => this.#remove(letters));
  }

  async end(): Promise<void> {
    const { database, clock, forced, log } = this.#parts;
    const removed = new AbortController();
    void this.#last.then(() => removed.abort());
    await clock.sleep(endMillis, AbortSignal.any([removed.signal, forced]));
    const [remaining, failure] = [this.#remaining, this.#failure];
    this.#over.abort();
    database.close();
    if (remaining === 0) return;
    const why = failure === undefined ? "" : `: ${failure.message}`;
    const hint = failure?.hint === undefined ? "" : `; try: ${failure.hint}`;
    log.info(`${countOf(remaining, "moved message")} may still be listed as rejected${why}${hint}`);
  }

  async #remove(letters: readonly Message[]): Promise<void> {
    const { database, home, table, queueArn } = this.#parts;
    // What does not pass would only fail again.
    if (this.#over.signal.aborted || this.#failure?.retryable === false) return;
    const identities = letters.flatMap((letter) => identitiesOf(letter, queueArn));
    try {
      await removeRejections(database, home, { queue: queueArn, table }, identities);
      this.#remaining -= letters.length;
    } catch (error) {
      if (error instanceof EtlError) this.#failure = error;
    }
  }
}
