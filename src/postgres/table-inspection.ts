/** Asks the catalog what stands between a row and the table, and whether the user may send one. */

import type { Mapping } from "../message/mapping.ts";
import type { TableDescription } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { neededPrivileges } from "./ledger.ts";

/** What meets a row on its way in, and whether the user may send one. */
export interface TableAccess {
  /** What the user lacks, such as `insert`. */
  readonly lacking: readonly string[];
  /** Triggers that run before a row is stored, and may leave it out. */
  readonly rowTriggers: readonly string[];
  /** Rules that rewrite an insert. */
  readonly insertRules: readonly string[];
  /** Whether policies decide which rows the user may insert. */
  readonly rowSecurity: boolean;
}

/**
 * Asks about a table that has been read.
 *
 * @throws EtlError where the database does not answer
 */
export async function inspectTable(
  database: Database,
  { sqlName }: Pick<TableDescription, "sqlName">,
  { columns, conflict }: Mapping,
  signal: AbortSignal,
): Promise<TableAccess> {
  const names = JSON.stringify(columns.map(({ column }) => column));
  const privileges = JSON.stringify(neededPrivileges[conflict.action]);
  // An update goes by triggers of its own.
  const events = conflict.action === "update" ? insertEvent | updateEvent : insertEvent;
  const options = { operation: "inspect table", readOnly: true, signal };
  const [row] = await database.transaction(options, (transaction) =>
    transaction.run(accessSql, [sqlName, names, privileges, events]),
  );
  return {
    lacking: JSON.parse(row?.lacking as string),
    rowTriggers: JSON.parse(row?.triggers as string),
    insertRules: JSON.parse(row?.rules as string),
    rowSecurity: row?.row_security as boolean,
  };
}

/** Bits of `pg_trigger.tgtype`, whose 1 is a row's trigger and whose 2 is one that runs before. */
const insertEvent = 4;
const updateEvent = 16;

/** A trigger that is disabled, or runs on a replica alone, does not count. A partition's own triggers do. */
const accessSql = `
  with target as (select $1::text::regclass::oid as oid)
  select
    (
      select coalesce(pg_catalog.json_agg(p.name), '[]')::text
      from pg_catalog.json_array_elements_text($3::text::json) as p (name)
      where exists (
        select from pg_catalog.pg_attribute a
        join pg_catalog.json_array_elements_text($2::text::json) as c (name) on c.name = a.attname
        where a.attrelid = target.oid and not pg_catalog.has_column_privilege(a.attrelid, a.attnum, p.name)
      )
    ) as lacking,
    (
      select coalesce(pg_catalog.json_agg(distinct t.tgname::text), '[]')::text
      from pg_catalog.pg_trigger t
      where (
          t.tgrelid = target.oid
          or t.tgrelid in (select relid from pg_catalog.pg_partition_tree(target.oid::regclass))
        )
        and not t.tgisinternal and t.tgenabled in ('O', 'A')
        and t.tgtype & 3 = 3 and t.tgtype & $4::integer <> 0
    ) as triggers,
    (
      select coalesce(pg_catalog.json_agg(r.rulename), '[]')::text
      from pg_catalog.pg_rewrite r
      where r.ev_class = target.oid and r.ev_type = '3' and r.ev_enabled in ('O', 'A')
    ) as rules,
    pg_catalog.row_security_active(target.oid) as row_security
  from target`;
