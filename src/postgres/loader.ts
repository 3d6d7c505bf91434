/** Stores messages and their ledger entries in one statement: once, however often a message comes. */

import { EtlError } from "../errors.ts";
import type { MappedMessage, Rejection } from "../message/message.ts";
import type { Fate, Loader } from "../processing/outcome.ts";
import type { Database, Transaction } from "./connect.ts";
import { type RowFault, refusalOf } from "./errors.ts";
import { ledgerName, loadGrants } from "./ledger.ts";
import {
  type LoadAnswer,
  type LoadTarget,
  loadParameters,
  loadStatements,
  shapeOf,
} from "./load-statement.ts";
import { messageKey } from "./records.ts";
import { requireTarget } from "./target-check.ts";

/**
 * Makes the loader of a table that has been checked against the mapping. As many loads may be open at a time as the
 * database has connections.
 *
 * A batch is loaded with one statement in one round trip. If Postgres refuses it, or its counts need an explanation, it is
 * loaded again in halves under savepoints, in one transaction, until the refused messages are known: those alone are rejected.
 */
export function createPostgresLoader(database: Database, target: LoadTarget): Loader {
  const { table, mapping } = target;
  const statements = loadStatements(target);
  const columnCount = mapping.columns.length;
  const { action } = mapping.conflict;
  const options = { operation: "load", grants: loadGrants(target.ledger, database.user, { table, action }) };

  /** @throws EtlError if a trigger of the table or the ledger swallowed a row */
  async function explain(transaction: Transaction, batch: readonly MappedMessage[], answer: LoadAnswer) {
    const [fresh, candidates, loaded, , , doubtful] = answer;
    if (Number(fresh) < batch.length) {
      // An entry that was not taken is a duplicate only if it is there, or was until it was pruned just now: its message
      // is going to be deleted.
      const parameters = loadParameters(batch, columnCount).slice(-2);
      const [entries] = await transaction.run(statements.known, parameters);
      if (Number(entries?.known) !== batch.length && entries?.diverted !== false)
        throw swallowedEntries(target);
    }
    if (action === "reject" && loaded !== candidates) throw swallowedRows(target);
    if (doubtful === null) return;
    const places = JSON.parse(doubtful) as number[];
    const doubted = places.map((place) => batch[place] as MappedMessage);
    const check = statements.check(shapeOf(doubted));
    if (check === undefined) return;
    const [checked] = await transaction.run(check, loadParameters(doubted, columnCount));
    if (checked?.swallowed !== false) throw swallowedRows(target);
  }

  async function loadInHalves(batch: readonly MappedMessage[]): Promise<readonly Fate[]> {
    return await database.transaction(options, async (transaction) => {
      const fates = new Map<MappedMessage, Fate>();
      // A constraint that is checked at the commit could not be told from the others' rows.
      let before = ["set constraints all immediate", ...(statements.takeTurn ? [statements.takeTurn] : [])];

      async function loadPart(part: readonly MappedMessage[]): Promise<void> {
        const shape = shapeOf(part);
        const load = {
          text: statements.load(shape, false),
          parameters: loadParameters(part, columnCount, shape),
        };
        const [begun, done] = await transaction.runTogether([
          { text: [...before, "savepoint half"].join("; ") },
          load,
        ]);
        if (begun?.error !== undefined) throw begun.error;
        if (done?.error === undefined) {
          before = ["release savepoint half"];
          const answer = done?.rows[0] as unknown as LoadAnswer;
          await explain(transaction, part, answer);
          for (const [index, fate] of fatesOf(part, answer).entries())
            fates.set(part[index] as MappedMessage, fate);
          return;
        }
        const refusal = refusalOf(done.error);
        if (refusal === undefined) throw done.error;
        before = ["rollback to savepoint half", "release savepoint half"];
        const [first, ...others] = part;
        if (first !== undefined && others.length === 0) {
          const suspect = refusal.isRows ? undefined : (done.error as EtlError);
          fates.set(first, {
            kind: "rejected",
            rejection: rejectionOf(first, refusal.fault),
            by: "table",
            suspect,
          });
          return;
        }
        const middle = Math.ceil(part.length / 2);
        await loadPart(part.slice(0, middle));
        await loadPart(part.slice(middle));
      }

      await loadPart(statements.takeTurn === undefined ? inLockOrder(batch) : batch);
      await transaction.run(before.join("; "));
      return batch.map((message) => fates.get(message) as Fate);
    });
  }

  return {
    async load(batch) {
      const shape = shapeOf(batch);
      const text = statements.load(shape, true);
      try {
        const parameters = loadParameters(batch, columnCount, shape);
        const [answer] = await database.runOnce(options, { text, parameters });
        return fatesOf(batch, answer as unknown as LoadAnswer);
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        if (!refusal.isRows) await requireTarget(database, target);
        return await loadInHalves(batch);
      }
    },
  };
}

/** What a load's answer says of each message. */
function fatesOf(batch: readonly MappedMessage[], answer: LoadAnswer): Fate[] {
  const [, candidates, loaded, duplicates, leftOut] = answer;
  const known = new Set<number>(duplicates === null ? [] : JSON.parse(duplicates));
  const missing = Number(candidates) - Number(loaded);
  const places: number[] = leftOut === null ? [] : JSON.parse(leftOut);
  // A trigger may have changed the key of a row, and without a key to go by nobody knows which rows were left out: the
  // count is right, and the last ones stand for them.
  if (places.length !== missing) places.splice(0, places.length, ...lastPlaces(batch, known, missing));
  const left = new Map<number, number>();
  for (const place of places) left.set(place, (left.get(place) ?? 0) + 1);
  return batch.map(({ rows }, place): Fate => {
    if (known.has(place)) return { kind: "duplicate" };
    const stored = rows.length - (left.get(place) ?? 0);
    return stored > 0 || rows.length === 0 ? { kind: "stored", rows: stored } : { kind: "superseded" };
  });
}

function lastPlaces(batch: readonly MappedMessage[], known: ReadonlySet<number>, count: number): number[] {
  if (count <= 0) return [];
  return batch.flatMap(({ rows }, place) => (known.has(place) ? [] : rows.map(() => place))).slice(-count);
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

function rejectionOf(
  { ref: { messageId } }: MappedMessage,
  { code, column, constraint }: RowFault,
): Rejection {
  return {
    ...{ messageId, reason: `sqlstate_${code}`, path: "" },
    ...(column === undefined ? {} : { column }),
    ...(constraint === undefined ? {} : { constraint }),
  };
}

function swallowedEntries({ ledger }: LoadTarget): EtlError {
  const resource = ledgerName(ledger);
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `${resource} swallows entries: messages would be taken for stored whose rows are not there`,
    hint: `drop the triggers and rules of ${resource}; nothing of the batch was stored`,
    code: "entries_swallowed",
    resource,
  });
}

function swallowedRows({ table }: LoadTarget): EtlError {
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `a trigger on ${table.sqlName} swallows rows: fewer were stored than were inserted`,
    hint: "drop the trigger that returns null, or give another --table; nothing of the batch was stored",
    code: "rows_swallowed",
    resource: table.sqlName,
  });
}
