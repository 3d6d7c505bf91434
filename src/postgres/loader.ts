/** Stores messages and their ledger entries in one statement: once, however often a message comes. */

import { EtlError } from "../errors.ts";
import type { MappedMessage, Rejection } from "../message/message.ts";
import { commitUnknown, type Failed, type Fate, type Loader, provesTable } from "../processing/outcome.ts";
import { askForGrants } from "./catalog.ts";
import type { Database, Transaction } from "./connect.ts";
import { passingFailureOf, type RowFault, refusalOf } from "./errors.ts";
import type { TableName } from "./identifier.ts";
import { ledgerName } from "./ledger.ts";
import {
  guardCode,
  type LoadAnswer,
  type LoadTarget,
  loadParameters,
  loadStatements,
  shapeOf,
} from "./load-statement.ts";
import { PartitionGaps, withoutPartition } from "./missing-partition.ts";
import { messageKey } from "./records.ts";
import { requireTarget } from "./target-check.ts";
import type { Answer, Statement } from "./wire.ts";

/** Into so many parts a refused batch is cut, and a part that is refused, too: one bad row of 500 is found in three steps. */
const partCount = 16;

/** Messages that were refused together. */
interface Refused {
  readonly messages: readonly MappedMessage[];
  readonly error: unknown;
  /** Whether the table took other rows of the same transaction. */
  readonly besideStored: boolean;
}

/**
 * Makes the loader of a table that has been checked against the mapping. As many loads may be open at a time as the
 * database has connections.
 *
 * A batch is loaded with one statement in one round trip. If Postgres refuses it, its parts are loaded, each kept or undone
 * by itself, and then the parts of those that were refused: each step is one transaction and one round trip. What is
 * refused alone is rejected or, if the error may pass, left to the caller.
 */
export function createPostgresLoader(database: Database, target: LoadTarget): Loader {
  const { table, mapping } = target;
  const statements = loadStatements(target);
  const columnCount = mapping.columns.length;
  const { action } = mapping.conflict;
  const options = { operation: "load", grants: askForGrants(table.sqlName) };
  const { gaps = new PartitionGaps(database, mapping) } = target;
  // A constraint that is checked at the commit could not be told from the other parts' rows.
  const beforeParts = ["set constraints all immediate", statements.takeTurn].filter(Boolean).join("; ");

  function loadOf(batch: readonly MappedMessage[], guarded: boolean): Statement {
    const shape = shapeOf(batch);
    return { text: statements.load(shape, guarded), parameters: loadParameters(batch, columnCount, shape) };
  }

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

  /** Loads what the guard has stopped, and looks into its counts before the commit. */
  async function loadExplained(batch: readonly MappedMessage[]): Promise<readonly Fate[]> {
    return await database.transaction(options, async (transaction) => {
      const [done] = await transaction.runTogether([loadOf(batch, false)]);
      if (done?.error !== undefined) throw done.error;
      const answer = done?.rows[0] as unknown as LoadAnswer;
      await explain(transaction, batch, answer);
      return fatesOf(batch, answer);
    });
  }

  async function loadWhole(batch: readonly MappedMessage[]): Promise<readonly Fate[]> {
    try {
      const [answer] = await database.runOnce(options, loadOf(batch, true));
      return fatesOf(batch, answer as unknown as LoadAnswer);
    } catch (error) {
      if (!isGuards(error)) throw error;
      return await loadExplained(batch);
    }
  }

  async function loadInParts(
    batch: readonly MappedMessage[],
    error: unknown,
  ): Promise<readonly (Fate | Failed)[]> {
    const outcomes = new Map<MappedMessage, Fate | Failed>();
    const unplaced: (readonly [MappedMessage, TableName])[] = [];
    const settle = (part: readonly MappedMessage[], fates: readonly (Fate | Failed)[]) => {
      for (const [index, message] of part.entries()) outcomes.set(message, fates[index] as Fate | Failed);
    };
    const messages = statements.takeTurn === undefined ? inLockOrder(batch) : batch;
    let refused: Refused[] = [{ messages, error, besideStored: false }];
    for (let isFirst = true; ; isFirst = false) {
      const parts: (readonly MappedMessage[])[] = [];
      for (const one of refused) {
        if (isCut(one, isFirst)) parts.push(...partsOf(one.messages));
        else {
          settle(one.messages, outcomesOf(one));
          const divided = withoutPartition(one.error);
          for (const message of divided === undefined ? [] : one.messages)
            unplaced.push([message, divided as TableName]);
        }
      }
      if (parts.length === 0) break;
      let answers: readonly Answer[];
      try {
        answers = await database.runParts(
          options,
          beforeParts,
          parts.map((part) => loadOf(part, true)),
        );
      } catch (failure) {
        for (const part of parts) settle(part, Array(part.length).fill(failedWith(failure)));
        break;
      }
      const besideStored = answers.some((done) => done.error === undefined && Number(done.rows[0]?.[2]) > 0);
      refused = [];
      for (const [index, messages] of parts.entries()) {
        const { error: failure, rows } = answers[index] as Answer;
        if (failure === undefined) settle(messages, fatesOf(messages, rows[0] as unknown as LoadAnswer));
        else if (!isGuards(failure)) refused.push({ messages, error: failure, besideStored });
        else
          await loadExplained(messages).then(
            (fates) => settle(messages, fates),
            (error: unknown) => refused.push({ messages, error, besideStored }),
          );
      }
    }
    // The others are committed by now. If this look fails, all are loaded again, and recognised.
    const postponed = await gaps.add(unplaced);
    for (const [index, [message]] of unplaced.entries()) {
      const fate = postponed[index];
      if (fate !== undefined) outcomes.set(message, fate);
    }
    return withoutSuspicion(batch.map((message) => outcomes.get(message) as Fate | Failed));
  }

  return {
    async load(batch) {
      // One that comes again may have its partition by now; if not, it is found anew.
      if (gaps.size > 0) for (const { ref } of batch) gaps.remove(ref.messageId);
      try {
        return await loadWhole(batch);
      } catch (error) {
        const refusal = refusalOf(error);
        const passing = passingFailureOf(error);
        if (refusal === undefined && (passing === undefined || passing.of === "conflict")) throw error;
        if (refusal?.isRows === false) await requireTarget(database, target);
        return await loadInParts(batch, error);
      }
    },
  };
}

/**
 * Whether the parts of what was refused are worth a try. What waits would wait in each of them, and a server in trouble that
 * takes nothing is not asked for each row.
 */
function isCut({ messages, error, besideStored }: Refused, isWhole: boolean): boolean {
  if (messages.length === 1) return false;
  if (refusalOf(error) !== undefined) return true;
  const failure = passingFailureOf(error);
  return failure?.of === "row" || (failure?.of === "server" && (isWhole || besideStored));
}

function partsOf(messages: readonly MappedMessage[]): (readonly MappedMessage[])[] {
  const length = Math.ceil(messages.length / partCount);
  return Array.from({ length: Math.ceil(messages.length / length) }, (_, index) =>
    messages.slice(index * length, (index + 1) * length),
  );
}

/** The outcomes of messages that were refused together and are not cut any further. */
function outcomesOf({ messages, error, besideStored }: Refused): readonly (Fate | Failed)[] {
  const refusal = refusalOf(error);
  const passing = passingFailureOf(error);
  return messages.map((message): Fate | Failed => {
    if (refusal !== undefined) {
      const suspect = refusal.isRows ? undefined : (error as EtlError);
      return {
        kind: "rejected",
        rejection: refusedRow(message.ref.messageId, refusal.fault),
        by: "table",
        suspect,
      };
    }
    if (passing === undefined) return failedWith(error);
    const rejection = passing.of === "row" ? refusedRow(message.ref.messageId, passing.fault) : undefined;
    return {
      ...failedWith(error),
      ...(messages.length === 1 && { alone: { besideStored, ...(rejection && { rejection }) } }),
      ...(passing.of === "wait" && { tooManyMessages: messages.length }),
    };
  });
}

/** If the table took a row of the load, what keeps others out is not a fault that every row meets. */
function withoutSuspicion(outcomes: readonly (Fate | Failed)[]): readonly (Fate | Failed)[] {
  if (!outcomes.some(provesTable)) return outcomes;
  return outcomes.map((outcome) => {
    if (outcome.kind !== "rejected" && outcome.kind !== "postponed") return outcome;
    const { suspect: _cleared, ...cleared } = outcome;
    return cleared;
  });
}

function failedWith(error: unknown): Failed {
  const mayBeStored = error instanceof EtlError && error.code === commitUnknown;
  return { kind: "unsettled", error, mayBeStored };
}

/** The guard's own error or, once in a blue moon, one of a row that has the same code: it comes out when that is explained. */
function isGuards(error: unknown): boolean {
  return error instanceof EtlError && error.code === guardCode;
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
 * The ledger's own order, so that parts, too, take their locks in the order that every load does. A FIFO queue's groups keep
 * theirs: a batch has one message of each.
 */
function inLockOrder(batch: readonly MappedMessage[]): readonly MappedMessage[] {
  const key = ({ ref }: MappedMessage) => messageKey(ref.messageId);
  return batch.toSorted((a, b) => a.ref.sentAtMillis - b.ref.sentAtMillis || (key(a) < key(b) ? -1 : 1));
}

/** The rejection of a message whose row the table refuses. */
export function refusedRow(messageId: string, { code, column, constraint }: RowFault): Rejection {
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
    hint: `drop the triggers and rules of ${resource}; no message is deleted whose row is not stored`,
    code: "entries_swallowed",
    resource,
  });
}

function swallowedRows({ table }: LoadTarget): EtlError {
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `a trigger on ${table.sqlName} swallows rows: fewer were stored than were inserted`,
    hint: "drop the trigger that returns null, or give another --table; no message is deleted whose row is not stored",
    code: "rows_swallowed",
    resource: table.sqlName,
  });
}
