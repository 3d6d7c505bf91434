/** What the database knows of dead letters: asked before they are sent back, and put right once they were. */

import { EtlError } from "../../errors.ts";
import type { Message } from "../../message/message.ts";
import type { Clock } from "../../polling/ports.ts";
import { columnLimits, readTable } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { type LedgerHome, ledgerHome } from "../../postgres/ledger.ts";
import { type MessageIdentity, removeRejections } from "../../postgres/records.ts";
import { type KnownMessage, lookUpMessages } from "../../postgres/status.ts";
import type { Settings } from "../../settings/settings.ts";
import { readOrigin } from "../../sqs/dead-letter.ts";
import { countOf } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import { readDatabaseSettings } from "../table.ts";

/** What is known of a dead letter; the reason is `unknown` if neither the message nor the database tells it. */
export type DeadLetterFacts = Required<KnownMessage>;

/** Answers for each of some dead letters, in order. */
export type LookUp = (deadLetters: readonly Message[]) => Promise<readonly DeadLetterFacts[]>;

/**
 * Opens the ledger of the settings' table.
 *
 * @param queueArn the queue that the messages were rejected from
 * @throws EtlError if the database cannot be reached, or has no such table
 */
export async function openLookUp(settings: Settings, queueArn: string, context: Context) {
  const connection = readDatabaseSettings(settings, context);
  const database = openDatabase(connection);
  try {
    const table = await readTable(database, settings.table.name);
    const home = ledgerHome(table, settings.ledger);
    const of = { queue: queueArn, table: table.sqlName };
    const lookUp: LookUp = async (deadLetters) => {
      const identities = deadLetters.map((deadLetter) => identitiesOf(deadLetter, queueArn));
      const known = [...(await lookUpMessages(database, home, of, identities.flat()))];
      return deadLetters.map((deadLetter, index) =>
        factsOf(deadLetter, known.splice(0, identities[index]?.length)),
      );
    };
    return {
      lookUp,
      home,
      limits: columnLimits(table),
      /** The table's name as SQL takes it. */
      table: table.sqlName,
      /** Opens a second connection to the same database: the first one's transactions stand in line. */
      openAnother: () => openDatabase(connection),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Without a database: what the messages themselves say. */
export const lookUpNothing: LookUp = async (deadLetters) =>
  deadLetters.map((deadLetter) => factsOf(deadLetter, []));

/**
 * What the queue of origin may know a dead letter by. A redrive policy keeps a message's id and sent time. If `etl` moved
 * it, it has new ones, and its attribute says which it had.
 */
function identitiesOf(deadLetter: Message, queueArn: string): MessageIdentity[] {
  const { messageId, sentAtMillis } = deadLetter;
  const origin = readOrigin(deadLetter);
  return [{ messageId, sentAtMillis }, ...(origin?.queue === queueArn ? [origin] : [])];
}

function factsOf(deadLetter: Message, known: readonly KnownMessage[]): DeadLetterFacts {
  const recorded = known.find(({ reason }) => reason !== undefined)?.reason;
  return {
    stored: known.some(({ stored }) => stored),
    reason: readOrigin(deadLetter)?.reason ?? recorded ?? "unknown",
  };
}

/** The longest that the end of a retry waits for the records. */
const endMillis = 2_000;

/** What is needed to remove records. */
interface RemovalParts {
  /** Used by nobody else. Closed at the end. */
  readonly database: Database;
  readonly home: LedgerHome;
  /** The table's name as SQL takes it. */
  readonly table: string;
  /** The queue that the messages were rejected from, and have gone back to. */
  readonly queueArn: string;
  readonly clock: Clock;
  readonly log: Pick<Context["log"], "info">;
  /** Aborted when the retry must end at once. */
  readonly forced: AbortSignal;
}

/**
 * Removes the records of rejected messages that have gone back: they are new messages now. It works beside the move,
 * and never fails or delays it. What cannot be removed is logged in one line at the end.
 */
export function beginRemoval({ database, home, table, queueArn, clock, log, forced }: RemovalParts) {
  let last = Promise.resolve();
  /** Messages whose records may still be there. */
  let remaining = 0;
  let failure: EtlError | undefined;
  let ended = false;

  async function remove(deadLetters: readonly Message[]): Promise<void> {
    // A failure that does not pass would only come again.
    if (ended || failure?.retryable === false) return;
    const identities = deadLetters.flatMap((deadLetter) => identitiesOf(deadLetter, queueArn));
    try {
      await removeRejections(database, home, { queue: queueArn, table }, identities);
      remaining -= deadLetters.length;
    } catch (error) {
      if (error instanceof EtlError) failure = error;
    }
  }

  return {
    /** Takes messages that the queue has accepted again. Returns at once. */
    add(deadLetters: readonly Message[]): void {
      remaining += deadLetters.length;
      last = last.then(() => remove(deadLetters));
    },
    /** Resolves when all is removed, within two seconds, and at once after a forced stop. */
    async end(): Promise<void> {
      const removed = new AbortController();
      void last.then(() => removed.abort());
      await clock.sleep(endMillis, AbortSignal.any([removed.signal, forced]));
      ended = true;
      database.close();
      if (remaining === 0) return;
      const why = failure === undefined ? "" : `: ${failure.message}`;
      const hint = failure?.hint === undefined ? "" : `; try: ${failure.hint}`;
      log.info(`${countOf(remaining, "moved message")} may still be listed as rejected${why}${hint}`);
    },
  };
}
