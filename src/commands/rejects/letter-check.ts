/** Asks the database about dead letters before they are sent back: whether they are stored, and why they were rejected. */

import type { Message } from "../../message/message.ts";
import { readTable, type TableDescription } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { type KnownMessage, lookUpMessages, type MessageIdentity } from "../../postgres/known-messages.ts";
import type { LedgerHome } from "../../postgres/ledger.ts";
import type { Settings } from "../../settings/settings.ts";
import { readOrigin } from "../../sqs/dead-letter.ts";
import type { Context } from "../context.ts";
import { readDatabaseSettings } from "../table.ts";

/** What is known of a dead letter. */
export interface LetterFacts {
  /** Its row is in the table, as the ledger says: only a delete was lost. */
  readonly stored: boolean;
  /** Why it was rejected; `unknown` where neither the message nor the database says so. */
  readonly reason: string;
}

/** Answers for each of some dead letters, in order. */
export type LetterCheck = (letters: readonly Message[]) => Promise<readonly LetterFacts[]>;

/** A check that is open. */
export interface OpenLetterCheck {
  readonly check: LetterCheck;
  /** The table whose ledger is asked. */
  readonly table: LedgerHome;
  /** The same database, on a connection that the check does not stand in line for. */
  openAnother(): Database;
  close(): void;
}

/**
 * Opens the check against the ledger of the settings' table.
 *
 * @param queueArn the queue that the letters came from
 * @throws EtlError where the database cannot be reached, or has no such table
 */
export async function openLetterCheck(
  settings: Settings,
  queueArn: string,
  context: Context,
): Promise<OpenLetterCheck> {
  const connection = readDatabaseSettings(settings, context);
  const database = openDatabase(connection);
  let table: TableDescription;
  try {
    table = await readTable(database, settings.table.name);
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    async check(letters) {
      const identities = letters.map((letter) => identitiesOf(letter, queueArn));
      const known = await lookUpMessages(database, table, queueArn, identities.flat());
      let at = 0;
      return letters.map((letter, index) => {
        const end = at + (identities[index]?.length ?? 0);
        const facts = known.slice(at, end);
        at = end;
        return factsOf(letter, facts);
      });
    },
    table,
    openAnother: () => openDatabase(connection),
    close: () => database.close(),
  };
}

/** Without a database: what the messages themselves say. */
export const uncheckedLetters: LetterCheck = async (letters) => letters.map((letter) => factsOf(letter, []));

/**
 * What the queue that a letter came from may know it by. A queue that moves a message by its redrive policy leaves it its
 * id and time; where etl has moved it, it has new ones, and says which it had.
 */
export function identitiesOf(letter: Message, queueArn: string): MessageIdentity[] {
  const { messageId, sentAtMillis } = letter;
  const origin = readOrigin(letter);
  return [{ messageId, sentAtMillis }, ...(origin?.queue === queueArn ? [origin] : [])];
}

function factsOf(letter: Message, known: readonly KnownMessage[]): LetterFacts {
  const recorded = known.find(({ reason }) => reason !== undefined)?.reason;
  return {
    stored: known.some(({ stored }) => stored),
    reason: readOrigin(letter)?.reason ?? recorded ?? "unknown",
  };
}
