/** The last station of a message's way but one: its row is stored, once, however often the message comes. */

import { EtlError } from "../errors.ts";
import type { Rejection } from "../message/rejection.ts";
import type { MappedMessage } from "../message/row.ts";
import type { LoadResult, Sink } from "../polling/ports.ts";
import type { Database, Transaction } from "./connect.ts";
import { refusalOf } from "./errors.ts";
import { loadInHalves, nothing } from "./halves.ts";
import { ledgerName, loadGrants } from "./ledger.ts";
import { type LoadTarget, loadParameters, loadStatements } from "./load-statement.ts";
import { messageKey } from "./message-key.ts";

/** From this many rows on, one reason for all of them is not a matter of the messages but of the table. */
const suspiciousBatch = 50;

/**
 * Makes the sink of a table that has been checked against the mapping.
 *
 * A batch is loaded with one statement. Where Postgres refuses it because of a row, it is loaded again in halves
 * under savepoints, still in one transaction, until the refused rows are known: those alone become rejections.
 */
export function createPostgresSink(database: Database, target: LoadTarget): Sink {
  const { table, mapping } = target;
  const statements = loadStatements(target);
  const columnCount = mapping.columns.length;
  const { action } = mapping.conflict;
  const options = { operation: "load", grants: loadGrants(table, database.user, { table, action }) };

  /** @throws EtlError where a trigger of the table or the ledger swallowed a row */
  async function loadAll(transaction: Transaction, batch: readonly MappedMessage[]): Promise<LoadResult> {
    const parameters = loadParameters(batch, columnCount);
    const [counts] = await transaction.run(statements.load, parameters);
    const loaded = counts?.loaded as number;
    if (counts?.fresh !== batch.length) {
      // An entry that was not taken is a duplicate only if it is there, or was until it was pruned just now: its message
      // is going to be deleted.
      const [entries] = await transaction.run(statements.known, parameters.slice(columnCount));
      if (entries?.known !== batch.length && entries?.diverted !== false) throw swallowedEntries(target);
    }
    if (action === "reject" && loaded !== counts?.fresh) throw swallowedRows(target);
    if (statements.check !== undefined && typeof counts?.doubtful === "string") {
      const places = JSON.parse(counts.doubtful) as number[];
      const doubtful = places.map((place) => batch[place] as MappedMessage);
      const [checked] = await transaction.run(statements.check, loadParameters(doubtful, columnCount));
      if (checked?.swallowed !== false) throw swallowedRows(target);
    }
    const leftOut = (counts?.fresh as number) - loaded;
    return { inserted: loaded, duplicates: batch.length - loaded, leftOut, rejections: [] };
  }

  async function loadWithoutBadRows(batch: readonly MappedMessage[]): Promise<LoadResult> {
    return await database.transaction(options, async (transaction) => {
      // A constraint that is checked at the commit could not be told from the others' rows.
      await transaction.run("set constraints all immediate");
      if (statements.takeTurn !== undefined) await transaction.run(statements.takeTurn);
      const inOrder = statements.takeTurn === undefined ? inLockOrder(batch) : batch;
      const result = await loadInHalves(transaction, inOrder, loadAll);
      const known = result.duplicates - result.leftOut;
      refuseOneReasonForAll(result, batch.length - known, target);
      return result;
    });
  }

  return {
    async load(batch) {
      if (batch.length === 0) return nothing;
      try {
        return await database.transaction(options, (transaction) => loadAll(transaction, batch));
      } catch (error) {
        if (refusalOf(error) === undefined) throw error;
        return await loadWithoutBadRows(batch);
      }
    },
  };
}

/**
 * The ledger's own order, so that halves, too, take their locks in the order that every load does.
 *
 * A FIFO queue's rows keep theirs, which is that of their groups: whoever is handed the same messages of a group has
 * them in the same order.
 */
function inLockOrder(batch: readonly MappedMessage[]): readonly MappedMessage[] {
  if (batch.some(({ ref }) => ref.groupId !== undefined)) return batch;
  const key = ({ ref }: MappedMessage) => messageKey(ref.messageId);
  return batch.toSorted((a, b) => a.ref.sentAtMillis - b.ref.sentAtMillis || (key(a) < key(b) ? -1 : 1));
}

/** Rows that the ledger knew were not shown to the table: `tried` are the others. */
function refuseOneReasonForAll({ rejections }: LoadResult, tried: number, { table }: LoadTarget): void {
  const [first] = rejections;
  if (first === undefined || tried < suspiciousBatch || rejections.length < tried) return;
  const differs = (other: Rejection) =>
    other.reason !== first.reason || other.column !== first.column || other.constraint !== first.constraint;
  if (rejections.some(differs)) return;
  const code = first.reason.replace("sqlstate_", "");
  const place = first.constraint ?? first.column;
  const where = place === undefined ? "" : `, ${place}`;
  throw new EtlError({
    kind: "config",
    operation: "load",
    message: `${table.sqlName} refused every one of ${tried} rows for the same reason (SQLSTATE ${code}${where})`,
    hint: "check the table's constraints and triggers; nothing of the batch was stored or rejected",
    code,
  });
}

function swallowedEntries({ table }: LoadTarget): EtlError {
  const ledger = ledgerName(table);
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `${ledger} swallows entries: messages would be taken for stored whose rows are not there`,
    hint: `drop the triggers and rules of ${ledger}; nothing of the batch was stored`,
  });
}

function swallowedRows({ table }: LoadTarget): EtlError {
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `a trigger on ${table.sqlName} swallows rows: fewer were stored than were inserted`,
    hint: "drop the trigger that returns null, or give another --table; nothing of the batch was stored",
  });
}
