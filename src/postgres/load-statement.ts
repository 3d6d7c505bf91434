/** The statement that stores a batch: rows and their ledger entries, or neither. */

import type { Mapping } from "../message/mapping.ts";
import type { MappedMessage } from "../message/row.ts";
import { arrayLiteral } from "./array-literal.ts";
import type { TableDescription } from "./catalog.ts";
import { cellName, cellSql } from "./cell.ts";
import { type ConflictPlan, planConflict } from "./conflict.ts";
import { conflictSql, sqlLiteral } from "./conflict-statement.ts";
import { ledgerName } from "./ledger.ts";
import { messageKey } from "./message-key.ts";
import { timeOfMillis } from "./records.ts";

/** What is loaded where. */
export interface LoadTarget {
  readonly table: TableDescription;
  readonly mapping: Mapping;
  /** From `registerQueue`. */
  readonly queueId: number;
}

/** The statements of one target; their parameters are {@link loadParameters}. */
export interface LoadStatements {
  /**
   * Stores a batch. Gives `fresh`, how many entries the ledger took; `loaded`, how many rows the table took; and
   * `doubtful`, the places in the batch, from 0, that must be checked before the commit: JSON, or null.
   */
  readonly load: string;
  /** Gives `swallowed`: whether a row is neither in the table nor rightly left out. Undefined where nothing is doubtful. */
  readonly check: string | undefined;
  /**
   * Gives `known`, how many of the messages the ledger has, and `diverted`, whether a trigger or rule of it could keep
   * entries out; its two parameters are the last of {@link loadParameters}.
   */
  readonly known: string;
  /** Lets no other load of the table begin until the transaction ends. Undefined where none need be kept out. */
  readonly takeTurn: string | undefined;
}

/**
 * Writes the statements. Every value is bound as text and cast in SQL, to the column's type without its length: the
 * driver's own arrays change dates and times, and a cast to `varchar(n)` cuts where an assignment refuses.
 *
 * Entries are inserted in the order of their key, so that two loads of the same messages cannot wait for each other.
 * Where a conflict is refused, rows go in the order of the batch, which for a FIFO queue is that of its groups; else in
 * the order of what they may conflict over, for the same reason as the entries. A load in halves cannot keep that order:
 * it takes a turn of its own.
 *
 * @throws EtlError `config` where the table cannot tell rows apart as the mapping says
 */
export function loadStatements(target: LoadTarget): LoadStatements {
  const { table, mapping, queueId } = target;
  const plan = planConflict(table, mapping);
  const { loaded, doubt } = conflictSql(table, mapping, plan);
  const ledger = sqlLiteral(ledgerName(table));
  return {
    load: `
with ${inputSql(target, plan)}, fresh as (
  insert into ${ledgerName(table)} (sent_at, message_id, queue_id)
  select sent_at, message_id, ${queueId}
  from input
  order by sent_at, message_id
  on conflict do nothing
  returning sent_at, message_id
), candidate as (
  select ${cellsSql(target)}, place
  from input
  join fresh using (sent_at, message_id)
), ${loaded}
select
  (select count(*) from fresh)::integer as fresh,
  (select count(*) from loaded)::integer as loaded,
  ${doubt?.places ?? "null"} as doubtful`,
    check:
      doubt &&
      `
with ${inputSql(target, { action: "reject" })}, candidate as (
  select ${cellsSql(target)} from input
)
select ${doubt.swallowed} as swallowed`,
    known: `
select
  count(*)::integer as known,
  exists (select from pg_catalog.pg_trigger where tgrelid = ${ledger}::regclass and not tgisinternal)
    or exists (select from pg_catalog.pg_rewrite where ev_class = ${ledger}::regclass) as diverted
from unnest($1::text[], $2::text[]) as asked (sent_at_millis, message_id)
where exists (
  select from ${ledgerName(table)} l
  where l.sent_at = ${timeOfMillis("sent_at_millis")} and l.message_id = asked.message_id::uuid and l.queue_id = ${queueId}
)`,
    takeTurn: plan.action === "reject" ? undefined : `select pg_advisory_xact_lock(${turnOf(table)})`,
  };
}

/** The statements' parameters: one array a column, then the times of sending in milliseconds, then the message ids. */
export function loadParameters(batch: readonly MappedMessage[], columnCount: number): string[] {
  const parameters: string[] = [];
  for (let column = 0; column < columnCount; column += 1) {
    parameters.push(arrayLiteral(batch.map(({ row }) => row[column] ?? null)));
  }
  parameters.push(arrayLiteral(batch.map(({ ref }) => String(ref.sentAtMillis))));
  parameters.push(arrayLiteral(batch.map(({ ref }) => messageKey(ref.messageId))));
  return parameters;
}

/**
 * The batch as it was bound, with the ledger's key cast once: a cast wherever it is used costs the server a tenth of the
 * load. A time is sent as milliseconds, which are exact and read faster than its text.
 *
 * Whoever waits for the turn waits before the first row, and holds nothing yet.
 */
function inputSql({ table, mapping: { columns } }: LoadTarget, plan: ConflictPlan): string {
  const bound = [...columns, "sent_at_millis", "message_id"].map((_, index) => `$${index + 1}::text[]`);
  const values = columns.map((_, index) => `v${index + 1}`).join(", ");
  const turn = plan.action === "reject" ? "" : "turn cross join ";
  const input = `input as (
  select ${values}, place, message_id::uuid,
    ${timeOfMillis("sent_at_millis")} as sent_at
  from ${turn}unnest(${bound.join(", ")}) with ordinality as bound (${values}, sent_at_millis, message_id, place)
)`;
  if (plan.action === "reject") return input;
  return `turn as materialized (
  select pg_advisory_xact_lock_shared(${turnOf(table)})
), ${input}`;
}

/** Every cell cast to its column's type. */
function cellsSql({ table, mapping }: LoadTarget): string {
  return mapping.columns
    .map((mapped, index) => `${cellSql(table, mapped, `v${index + 1}`)} as ${cellName(index)}`)
    .join(", ");
}

/** Two numbers that no other lock of ours has: the second is no queue's. */
function turnOf({ sqlName }: TableDescription): string {
  return `${sqlLiteral(sqlName)}::regclass::oid::integer, -1`;
}
