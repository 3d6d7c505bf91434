/** The statement that stores a batch: rows and their ledger entries, or neither. */

import type { ColumnMapping, Mapping } from "../message/mapping.ts";
import type { MappedMessage } from "../message/message.ts";
import type { TableDescription } from "./catalog.ts";
import { arrayLiteral, cellName, cellSql } from "./column-types.ts";
import { quoteName, quoteTable, sqlLiteral } from "./identifier.ts";
import { type LedgerHome, ledgerName } from "./ledger.ts";
import type { PartitionGaps } from "./missing-partition.ts";
import { messageKey, timeOfMillis } from "./records.ts";
import { type ConflictPlan, planConflict } from "./table-check.ts";

/** What is loaded where. */
export interface LoadTarget {
  readonly table: TableDescription;
  readonly mapping: Mapping;
  readonly ledger: LedgerHome;
  /** From `registerQueue`. */
  readonly queueId: number;
  /** Remembers the messages that no partition takes. @defaultValue the loader's own */
  readonly gaps?: PartitionGaps;
}

/** How many rows the messages of a batch have: one each, which is the common case and cheaper, or any number. */
export type Shape = "one" | "any";

/**
 * `invalid_argument_for_width_bucket_function`: no function of ours can be called for, and rows hardly ever fail so.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const guardCode = "2201G";

/** The statements of one target; their parameters are {@link loadParameters}. */
export interface LoadStatements {
  /**
   * Stores a batch. Gives the columns of {@link LoadAnswer}.
   *
   * `guarded` fails with {@link guardCode} if the counts need an explanation that the statement cannot see: its commit may
   * be sent along with it.
   */
  load(shape: Shape, guarded: boolean): string;
  /** Gives whether a row is neither in the table nor rightly left out. Undefined if the counts tell it, or nothing can. */
  check(shape: Shape): string | undefined;
  /**
   * Gives how many of the messages the ledger has, and whether a trigger or rule of it could keep entries out. Its two
   * parameters are the last of {@link loadParameters}.
   */
  readonly known: string;
  /** Lets no other load of the table begin until the transaction ends. Undefined if none need be kept out. */
  readonly takeTurn: string | undefined;
}

/** The columns of a load's answer, as text. */
export type LoadAnswer = readonly [
  /** Entries that the ledger took. */
  fresh: string,
  /** Rows that the fresh messages have, and rows that the table took. */
  candidates: string,
  loaded: string,
  /** Places, from 0, of the messages that are not fresh; JSON, or null if there are none. */
  duplicates: string | null,
  /** The place of its message for each row that the table did not take; JSON, or null if there are none or nobody can know. */
  leftOut: string | null,
  /** Places of the messages that {@link LoadStatements.check} must be asked about before the commit; JSON, or null. */
  doubtful: string | null,
];

/**
 * Writes the statements. Every value is bound as text and cast in SQL, to the column's type without its length: the
 * driver's own arrays change dates and times, and a cast to `varchar(n)` cuts where an assignment refuses.
 *
 * Entries are inserted in the order of their key, and rows in the order of what they may conflict over, so that two loads
 * of the same messages or keys cannot wait for each other in a circle. Rows of a table without such keys go in the order of
 * the batch; of a FIFO queue's group, a batch holds one message. A load in parts cannot keep that order: it takes a
 * turn of its own.
 *
 * @throws EtlError `config` if the table cannot tell rows apart as the mapping says
 */
export function loadStatements(target: LoadTarget): LoadStatements {
  const { table, mapping, queueId } = target;
  const plan = planConflict(table, mapping);
  const rows = rowsSql(table, mapping, plan);
  const name = ledgerName(target.ledger);
  const ledger = `${sqlLiteral(name)}::regclass`;
  /** The limit keeps the planner from reading all of the ledger: each entry is looked up by its key. */
  const known = (messages: string) => `${messages} cross join lateral (
    select from ${name} l
    where l.sent_at = asked.sent_at and l.message_id = asked.message_id and l.queue_id = ${queueId} limit 1
  ) as entry`;
  return {
    load(shape, guarded) {
      // What others commit while this statement runs is not seen by it: it is looked into again.
      const unexplained = [
        `case when messages > fresh then messages > fresh + (select count(*) from ${known("message as asked")}) end`,
        ...(rows.doubtful === undefined
          ? plan.action === "reject"
            ? ["loaded <> candidates"]
            : []
          : [`(${rows.doubtful}) is not null`]),
      ];
      const guard = guarded
        ? `width_bucket(0, 0, 1, case when ${unexplained.join(" or ")} then 0 else 1 end)`
        : "1";
      return `
with ${messagesSql(target, rowsMayWait(target), shape)}, fresh as (
  insert into ${name} (sent_at, message_id, queue_id)
  select sent_at, message_id, ${queueId}
  from message
  order by sent_at, message_id
  on conflict (sent_at, message_id, queue_id) do nothing
  returning sent_at, message_id
), ${candidatesSql(target, shape, "join fresh using (sent_at, message_id)")}, ${rows.loaded}, counted as materialized (
  select
    (select count(*) from message) as messages,
    (select count(*) from fresh) as fresh,
    (select count(*) from candidate) as candidates,
    (select count(*) from loaded) as loaded
)
select fresh, candidates, loaded,
  case when fresh < messages then (
    select json_agg(place - 1) from message where (sent_at, message_id) not in (select sent_at, message_id from fresh)
  ) end as duplicates,
  ${rows.leftOut === undefined ? "null" : `case when loaded < candidates then (${rows.leftOut}) end`} as left_out,
  ${guarded || rows.doubtful === undefined ? "null" : `(${rows.doubtful})`} as doubtful,
  ${guard} as guard
from counted`;
    },
    check: (shape) =>
      rows.swallowed &&
      `
with ${messagesSql(target, false, shape)}, ${candidatesSql(target, shape, "")}
select ${rows.swallowed} as swallowed`,
    known: `
select
  count(*) as known,
  exists (select from pg_catalog.pg_trigger where tgrelid = ${ledger} and not tgisinternal)
    or exists (select from pg_catalog.pg_rewrite where ev_class = ${ledger}) as diverted
from ${known(`(
  select ${timeOfMillis("sent_at_millis")} as sent_at, message_id::uuid as message_id
  from unnest($1::text[], $2::text[]) as bound (sent_at_millis, message_id)
) as asked`)}`,
    takeTurn: rowsMayWait(target) ? `select pg_advisory_xact_lock(${turnOf(table)})` : undefined,
  };
}

/** Whether each message has one row. */
export function shapeOf(batch: readonly MappedMessage[]): Shape {
  return batch.every(({ rows }) => rows.length === 1) ? "one" : "any";
}

/**
 * The statements' parameters: one array a column, with an element a row; if the shape is `any`, the place of each row's
 * message, from 1; then, with an element a message, the times of sending in milliseconds and the message ids.
 */
export function loadParameters(
  batch: readonly MappedMessage[],
  columnCount: number,
  shape: Shape = shapeOf(batch),
): string[] {
  const parameters: string[] = [];
  for (let column = 0; column < columnCount; column += 1) {
    const cells =
      shape === "one"
        ? batch.map(({ rows }) => rows[0]?.[column] ?? null)
        : batch.flatMap(({ rows }) => rows.map((row) => row[column] ?? null));
    parameters.push(arrayLiteral(cells));
  }
  if (shape === "any")
    parameters.push(arrayLiteral(batch.flatMap(({ rows }, place) => rows.map(() => String(place + 1)))));
  parameters.push(arrayLiteral(batch.map(({ ref }) => String(ref.sentAtMillis))));
  parameters.push(arrayLiteral(batch.map(({ ref }) => messageKey(ref.messageId))));
  return parameters;
}

/**
 * The messages as they were bound, with the ledger's key cast once: a cast wherever it is used costs the server a tenth of
 * the load. A time is sent as milliseconds, which are exact and read faster than its text.
 *
 * A load that waits for its turn waits before the first row, and holds nothing yet.
 */
function messagesSql({ table, mapping }: LoadTarget, takesTurn: boolean, shape: Shape): string {
  const { values, bound, keys } = boundSql(mapping, shape);
  const turn = takesTurn ? "turn cross join " : "";
  const [arrays, names] = shape === "one" ? [[...bound, ...keys], `${values}, `] : [keys, ""];
  const messages = `message as (
  select ${names}place, message_id::uuid, ${timeOfMillis("sent_at_millis")} as sent_at
  from ${turn}unnest(${arrays.join(", ")}) with ordinality as bound (${names}sent_at_millis, message_id, place)
)`;
  if (!takesTurn) return messages;
  return `turn as materialized (
  select pg_advisory_xact_lock_shared(${turnOf(table)})
), ${messages}`;
}

/** Every cell cast to its column's type, with the place of its message and its own line in the batch. */
function candidatesSql({ table, mapping }: LoadTarget, shape: Shape, join: string): string {
  const cells = mapping.columns
    .map((mapped, index) => `${cellSql(table, mapped, `v${index + 1}`)} as ${cellName(index)}`)
    .join(", ");
  if (shape === "one") return `candidate as (select ${cells}, place, place as line from message ${join})`;
  const { values, bound } = boundSql(mapping, shape);
  return `candidate as (
  select ${cells}, place, line
  from unnest(${bound.join(", ")}) with ordinality as bound (${values}, of_place, line)
  join message on message.place = of_place::bigint ${join}
)`;
}

function boundSql({ columns }: Mapping, shape: Shape) {
  const array = (index: number) => `$${index + 1}::text[]`;
  const values = columns.map((_, index) => `v${index + 1}`).join(", ");
  const count = columns.length + (shape === "any" ? 1 : 0);
  const bound = Array.from({ length: count }, (_, index) => array(index));
  return { values, bound, keys: [array(count), array(count + 1)] };
}

/** What a conflict decides: which rows go in, in which order, and what becomes of the others. */
interface RowsSql {
  /** The common table expressions up to `loaded`, which has a row for each that the table took. */
  readonly loaded: string;
  /** Gives the places of the rows that the table did not take. */
  readonly leftOut?: string;
  /** Gives the places among which there may be rows that a trigger swallowed; null if there are none. */
  readonly doubtful?: string;
  /** Whether a candidate is neither in the table nor rightly left out. */
  readonly swallowed?: string;
}

function rowsSql(table: TableDescription, { columns }: Mapping, plan: ConflictPlan): RowsSql {
  const cellOf = (name: string) => cellName(columns.findIndex(({ column }) => column === name));
  const names = columns.map(({ column }) => column);
  const into = `${table.sqlName} as stored (${list(names)})`;
  const cells = names.map(cellOf).join(", ");
  if (plan.action === "reject") {
    const order = [...uniqueColumns(table, columns).map(cellOf), "line"].join(", ");
    return {
      loaded: `loaded as (insert into ${into} select ${cells} from candidate order by ${order} returning 1)`,
    };
  }
  if (plan.action === "ignore" && plan.key === undefined) {
    const order = [...plan.order.map(cellOf), "line"].join(", ");
    // Without a target, a conflict is found by what indexes there are: the names of those that are gone are no `regclass`.
    const indexes = plan.indexes.map((name) => `${sqlLiteral(quoteTable({ ...table, name }))}::regclass`);
    return {
      loaded: `loaded as (
  insert into ${into} select ${cells} from candidate where num_nulls(${indexes.join(", ")}) = 0
  order by ${order} on conflict do nothing returning 1
)`,
    };
  }
  const { key = [] } = plan;
  const keyCells = key.map(cellOf).join(", ");
  const keys = key.map((name, index) => `stored.${quoteName(name)} as k${index + 1}`).join(", ");
  const sameRow = key.map((name) => `stored.${quoteName(name)} = candidate.${cellOf(name)}`).join(" and ");
  const isLoaded = key
    .map((name, index) => `loaded.k${index + 1} is not distinct from candidate.${cellOf(name)}`)
    .join(" and ");
  /** Of several rows of one key the first in the order is the one that may go in. */
  const leftOut = (order: string) => `
    select json_agg(place - 1) from (
      select place, exists (select from loaded where ${isLoaded}) as is_loaded,
        (${keyCells}) is not null and row_number() over (partition by ${keyCells} order by ${order}) > 1 as is_later
      from candidate
    ) as tried where is_later or not is_loaded`;
  if (plan.action === "ignore") {
    return {
      loaded: `loaded as (
  insert into ${into}
  select ${cells} from candidate
  order by ${[...plan.order.map(cellOf), "line"].join(", ")}
  on conflict (${list(key)}) do nothing
  returning ${keys}
)`,
      leftOut: leftOut("line"),
      doubtful: doubtfulSql(table, "candidate"),
      swallowed: `exists (
  select from candidate where not exists (select from ${table.sqlName} as stored where ${sameRow})
)`,
    };
  }
  const [newest, cell] = [quoteName(plan.newestBy), cellOf(plan.newestBy)];
  const others = names.filter((name) => !key.includes(name));
  const changes = (others.length > 0 ? others : [plan.newestBy]).map(quoteName);
  // A null loses to every time, so the first of several stays, as it does if they come one by one.
  const newestFirst = `${cell} desc nulls last, case when ${cell} is null then -line else line end desc`;
  return {
    loaded: `newest as (
  select distinct on (${keyCells}) * from candidate order by ${keyCells}, ${newestFirst}
), loaded as (
  insert into ${into}
  select ${cells} from newest
  order by ${keyCells}
  on conflict (${list(key)}) do update
  set ${changes.map((name) => `${name} = excluded.${name}`).join(", ")}
  where excluded.${newest} >= stored.${newest} or (excluded.${newest} is not null and stored.${newest} is null)
  returning ${keys}
)`,
    leftOut: leftOut(newestFirst),
    doubtful: doubtfulSql(table, "newest"),
    swallowed: `exists (
  select from candidate
  left join ${table.sqlName} as stored on ${sameRow}
  where stored.${quoteName(key[0] as string)} is null
  or candidate.${cell} > stored.${newest} or (candidate.${cell} is not null and stored.${newest} is null)
)`,
  };
}

/** Whether two loads can wait for each other's rows: they do in an index that tells rows apart by what the mapping fills. */
function rowsMayWait({ table: { uniqueIndexes }, mapping: { columns } }: LoadTarget): boolean {
  const mapped = new Set(columns.map(({ column }) => column));
  // An index over an expression alone names no column.
  return uniqueIndexes.some(
    (index) => index.columns.length === 0 || index.columns.some((name) => mapped.has(name)),
  );
}

/** The columns of all unique indexes that the mapping fills: over their values rows may wait for each other. */
function uniqueColumns({ uniqueIndexes }: TableDescription, columns: readonly ColumnMapping[]): string[] {
  const mapped = new Set(columns.map(({ column }) => column));
  return [
    ...new Set(
      uniqueIndexes.flatMap((index) =>
        index.columns.every((name) => mapped.has(name)) ? index.columns : [],
      ),
    ),
  ];
}

/**
 * Only a trigger for each row before its change can swallow one, of the table or of a partition. It is looked for if the
 * counts differ and at no other time; bits of its type are 1 for each row, 2 for before.
 *
 * @see https://www.postgresql.org/docs/current/catalog-pg-trigger.html
 */
function doubtfulSql({ sqlName }: TableDescription, tried: "candidate" | "newest"): string {
  const table = `${sqlLiteral(sqlName)}::regclass`;
  return `case when loaded < (select count(*) from ${tried}) and exists (
    select from pg_catalog.pg_trigger
    where tgtype & 3 = 3 and not tgisinternal
    and (tgrelid = ${table} or tgrelid in (select relid from pg_catalog.pg_partition_tree(${table})))
  ) then (select json_agg(distinct place - 1)::text from ${tried}) end`;
}

function list(names: readonly string[]): string {
  return names.map(quoteName).join(", ");
}

/** Two numbers that no other lock of ours has: the second is no queue's. */
function turnOf({ sqlName }: TableDescription): string {
  return `${sqlLiteral(sqlName)}::regclass::oid::integer, -1`;
}
