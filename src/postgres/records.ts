/** The tables that tell what happened, beside the ledger: their names, and who may use them. */

import type { Transaction } from "./connect.ts";
import { quoteName, quoteTable } from "./identifier.ts";
import { type LedgerHome, ledgerName, queueListName } from "./ledger.ts";

/** The name of the list of runs as SQL takes it. */
export function runLogName({ schema }: Pick<LedgerHome, "schema">): string {
  return quoteTable({ schema, name: "etl_run" });
}

/** The name of the list of rejected messages as SQL takes it. */
export function rejectionLogName({ schema }: Pick<LedgerHome, "schema">): string {
  return quoteTable({ schema, name: "etl_rejection" });
}

/** What an administrator types to let a user keep the records of runs and rejections, and prune them. */
export function recordGrants(home: LedgerHome, user: string): string {
  const records = `${runLogName(home)}, ${rejectionLogName(home)}`;
  return `grant select, insert, update, delete on ${records} to ${quoteName(user)}`;
}

/** What an administrator types to let a user look at the ledger and the records. */
export function statusGrants(home: LedgerHome, user: string): string {
  const tables = [ledgerName(home), queueListName(home), runLogName(home), rejectionLogName(home)];
  const grantee = quoteName(user);
  return [
    `grant usage on schema ${quoteName(home.schema)} to ${grantee};`,
    `grant select on ${tables.join(", ")} to ${grantee}`,
  ].join(" ");
}

/** Whether the table is there, and the user may do that with it. */
export async function mayUse(
  transaction: Transaction,
  sqlName: string,
  privilege: "select" | "delete",
): Promise<boolean> {
  const [row] = await transaction.run(
    "select pg_catalog.has_table_privilege(pg_catalog.to_regclass($1::text)::oid, $2::text) as allowed",
    [sqlName, privilege],
  );
  return row?.allowed === true;
}

/**
 * The numbers of a queue, as a condition on `queue_id`; several, where queues of one name are drained into one schema.
 *
 * @param parameter holds the queue's ARN or, where nobody could ask for it, its name
 */
export function ofQueue(home: LedgerHome, parameter: `$${number}`): string {
  return `queue_id in (
    select queue_id from ${queueListName(home)} where ${parameter}::text in (arn, split_part(arn, ':', 6)))`;
}

/** A time as every session writes it, whatever its time zone and date style; to the millisecond. */
export function utcText(sql: string): string {
  return `to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** The time that milliseconds since 1970, bound as text, stand for; exact, and the same in ledger and records. */
export function timeOfMillis(sql: string): string {
  return `timestamptz 'epoch' + ${sql}::bigint * interval '1 millisecond'`;
}
