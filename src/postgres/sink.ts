/** The last station of a message's way but one: its row is stored, once, however often the message comes. */

import type { LoadResult, Sink } from "../drain/ports.ts";
import { EtlError } from "../errors.ts";
import type { Rejection } from "../pipeline/rejection.ts";
import type { MappedMessage } from "../pipeline/row.ts";
import type { Database, Transaction } from "./connect.ts";
import { rowFaultOf } from "./errors.ts";
import { loadGrants } from "./ledger.ts";
import { type LoadTarget, loadParameters, loadSql } from "./load-statement.ts";
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
  const sql = loadSql(target);
  const columnCount = target.mapping.length;
  const options = { operation: "load", grants: loadGrants(target.table, database.user) };

  /** @throws EtlError where the table did not take as many rows as the ledger took entries */
  async function loadAll(transaction: Transaction, batch: readonly MappedMessage[]): Promise<LoadResult> {
    const [counts] = await transaction.run(sql, loadParameters(batch, columnCount));
    const fresh = counts?.fresh as number;
    if (counts?.loaded !== fresh) throw swallowedRows(target);
    return { inserted: fresh, duplicates: batch.length - fresh, rejections: [] };
  }

  async function loadInHalves(
    transaction: Transaction,
    batch: readonly MappedMessage[],
  ): Promise<LoadResult> {
    await transaction.run("savepoint half");
    try {
      const result = await loadAll(transaction, batch);
      await transaction.run("release savepoint half");
      return result;
    } catch (error) {
      const rejection = rejectionOf(error, batch);
      if (rejection === undefined) throw error;
      await transaction.run("rollback to savepoint half; release savepoint half");
      if (batch.length === 1) return { inserted: 0, duplicates: 0, rejections: [rejection] };
    }
    const middle = Math.ceil(batch.length / 2);
    const first = await loadInHalves(transaction, batch.slice(0, middle));
    const second = await loadInHalves(transaction, batch.slice(middle));
    return {
      inserted: first.inserted + second.inserted,
      duplicates: first.duplicates + second.duplicates,
      rejections: [...first.rejections, ...second.rejections],
    };
  }

  async function loadWithoutBadRows(batch: readonly MappedMessage[]): Promise<LoadResult> {
    return await database.transaction(options, async (transaction) => {
      // A constraint that is checked at the commit could not be told from the others' rows.
      await transaction.run("set constraints all immediate");
      const result = await loadInHalves(transaction, inLockOrder(batch));
      refuseOneReasonForAll(result, batch.length - result.duplicates, target);
      return result;
    });
  }

  return {
    async load(batch) {
      if (batch.length === 0) return { inserted: 0, duplicates: 0, rejections: [] };
      try {
        return await database.transaction(options, (transaction) => loadAll(transaction, batch));
      } catch (error) {
        if (rowFaultOf(error) === undefined) throw error;
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

function rejectionOf(error: unknown, [first]: readonly MappedMessage[]): Rejection | undefined {
  const fault = rowFaultOf(error);
  if (fault === undefined || first === undefined) return undefined;
  const { code, ...place } = fault;
  return {
    messageId: first.ref.messageId,
    reason: `sqlstate_${code}`,
    path: "",
    ...place,
  };
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

function swallowedRows({ table }: LoadTarget): EtlError {
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `a trigger on ${table.sqlName} swallows rows: fewer were stored than were inserted`,
    hint: "drop the trigger that returns null, or give another --table; nothing of the batch was stored",
  });
}
