/** Lists the tables that a queue could be drained into, for a person to choose from. */

import type { Database } from "./connect.ts";
import { quoteTable } from "./identifier.ts";
import { ownTables } from "./ledger.ts";

/** One table that the user may insert into. */
export interface TableSummary {
  readonly schema: string;
  readonly name: string;
  /** The name as SQL takes it, with its schema; also as `--table` takes it. */
  readonly sqlName: string;
  /** How many columns it has. */
  readonly columns: number;
  /** How many rows the server believes are in it; undefined where it has not counted yet. */
  readonly estimatedRows: number | undefined;
}

/**
 * Lists the tables and partitioned tables that the user may insert into, those of the search path first.
 *
 * Left out are the server's own, an extension's, temporary ones, partitions (their parent is there), and the ledger.
 * One query of the catalog, which reads no table.
 */
export async function listTables(database: Database, signal?: AbortSignal): Promise<readonly TableSummary[]> {
  const options = { operation: "list tables", readOnly: true, ...(signal === undefined ? {} : { signal }) };
  const rows = await database.transaction(options, (transaction) => transaction.run(tablesSql));
  return rows.map((row) => {
    const found = { schema: row.schema as string, name: row.name as string };
    const estimated = row.estimated_rows as number;
    return {
      ...found,
      sqlName: quoteTable(found),
      columns: row.columns as number,
      estimatedRows: estimated < 0 ? undefined : estimated,
    };
  });
}

const tablesSql = `
  select
    n.nspname as schema,
    c.relname as name,
    (
      select count(*)::integer from pg_catalog.pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as columns,
    c.reltuples::double precision as estimated_rows
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
    and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and c.relname not in (${ownTables.map((name) => `'${name}'`).join(", ")})
    and pg_catalog.has_schema_privilege(n.oid, 'usage')
    and pg_catalog.has_any_column_privilege(c.oid, 'insert')
    and not exists (
      select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e'
    )
  order by pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname), n.nspname, c.relname`;
