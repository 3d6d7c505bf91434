/** The statement that stores a batch: rows and their ledger entries, or neither. */

import { EtlError } from "../errors.ts";
import type { Mapping } from "../pipeline/mapping.ts";
import type { MappedMessage } from "../pipeline/row.ts";
import { arrayLiteral } from "./array-literal.ts";
import type { TableDescription } from "./catalog.ts";
import { quoteName } from "./identifier.ts";
import { ledgerName } from "./ledger.ts";
import { messageKey } from "./message-key.ts";

/** What is loaded where. */
export interface LoadTarget {
  readonly table: TableDescription;
  readonly mapping: Mapping;
  /** From `registerQueue`. */
  readonly queueId: number;
}

/**
 * Writes the statement. Every value is bound as text and cast in SQL, to the column's type without its length: the
 * driver's own arrays change dates and times, and a cast to `varchar(n)` cuts where an assignment refuses.
 *
 * Entries are inserted in the order of their key, so that two loads of the same messages cannot wait for each other;
 * rows in the order of the batch, which for a FIFO queue is that of its groups.
 *
 * @returns SQL that gives `fresh`, how many entries the ledger took, and `loaded`, how many rows the table took
 */
export function loadSql({ table, mapping, queueId }: LoadTarget): string {
  const columns = mapping.map(({ column }) => quoteName(column));
  const casts = mapping.map(({ column }) => `input.${quoteName(column)}::${castType(table, column)}`);
  const arrays = [...mapping, "sent_at", "message_id"].map((_, index) => `$${index + 1}::text[]`);
  return `
with input (${[...columns, "etl_sent_at", "etl_message_id", "etl_place"].join(", ")}) as (
  select * from unnest(${arrays.join(", ")}) with ordinality
), fresh as (
  insert into ${ledgerName(table)} (sent_at, message_id, queue_id)
  select etl_sent_at::timestamptz, etl_message_id::uuid, ${queueId}
  from input
  order by etl_sent_at::timestamptz, etl_message_id::uuid
  on conflict do nothing
  returning sent_at, message_id
), loaded as (
  insert into ${table.sqlName} (${columns.join(", ")})
  select ${casts.join(", ")}
  from input
  join fresh on fresh.sent_at = etl_sent_at::timestamptz and fresh.message_id = etl_message_id::uuid
  order by etl_place
  returning 1
)
select (select count(*) from fresh)::integer as fresh, (select count(*) from loaded)::integer as loaded`;
}

/** The statement's parameters: one array a column, then the times of sending, then the message ids. */
export function loadParameters(batch: readonly MappedMessage[], columnCount: number): string[] {
  const parameters: string[] = [];
  for (let column = 0; column < columnCount; column += 1) {
    parameters.push(arrayLiteral(batch.map(({ row }) => row[column] ?? null)));
  }
  parameters.push(arrayLiteral(batch.map(({ ref }) => new Date(ref.sentAtMillis).toISOString())));
  parameters.push(arrayLiteral(batch.map(({ ref }) => messageKey(ref.messageId))));
  return parameters;
}

function castType(table: TableDescription, column: string): string {
  const found = table.columns.find(({ name }) => name === column);
  if (found === undefined) {
    throw new EtlError({
      kind: "internal",
      operation: "load",
      message: `column ${column} was not checked against ${table.sqlName}`,
    });
  }
  return found.castType;
}
