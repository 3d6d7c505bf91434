/** Makes the table, its ledger and the records where they are not there; what is there is left as it is. */

import type { Mapping } from "../message/mapping.ts";
import { createTypeOf } from "../message/stored-type.ts";
import type { Database, Transaction } from "./connect.ts";
import { parseTableName, quoteName, quoteTable, type TableName } from "./identifier.ts";
import { ownTables } from "./ledger.ts";
import ledgerSql from "./migrations/001-ledger.sql" with { type: "text" };
import recordsSql from "./migrations/002-records.sql" with { type: "text" };

/** What a migration found and made, as names that SQL takes. */
export interface MigrationResult {
  readonly created: readonly string[];
  readonly found: readonly string[];
}

/** Two migrations at once wait for each other: `if not exists` alone can fail when both see nothing. */
const lockSql = "select pg_advisory_xact_lock(hashtext('etl migrate'));";

/**
 * The SQL that a migration runs, for `etl migrate --print`. It may be run again: what exists is left as it is.
 *
 * @param tableName as for `--table`; without a schema, everything goes to the first schema of the search path
 * @throws EtlError `config` where that is no table's name
 */
export function migrationSql(mapping: Mapping, tableName: string): string {
  return `begin;\n\n${lockSql}\n\n${statements(mapping, parseTableName(tableName))}\ncommit;\n`;
}

/**
 * Creates what is missing, in one transaction; safe to run twice, and by two at once.
 *
 * A table that exists is found on the search path as a query would find it, and its ledger belongs beside it.
 *
 * @throws EtlError `permission` where the user may not create tables
 */
export async function migrate(
  database: Database,
  mapping: Mapping,
  tableName: string,
): Promise<MigrationResult> {
  const wanted = parseTableName(tableName);
  const options = {
    operation: "migrate",
    grants: "etl migrate --print, and give the SQL to an administrator",
  };
  return await database.transaction(options, async (transaction) => {
    await transaction.run(lockSql);
    const target = { schema: await schemaFor(transaction, wanted), name: wanted.name };
    const names = [target.name, ...ownTables].map((name) => quoteTable({ ...target, name }));
    const found: string[] = [];
    for (const name of names) if (await exists(transaction, name)) found.push(name);
    // Without a need, nothing is run: even `if not exists` asks for the permission to create.
    if (found.length < names.length) await transaction.run(statements(mapping, target));
    return { created: names.filter((name) => !found.includes(name)), found };
  });
}

function statements(mapping: Mapping, table: TableName): string {
  const width = Math.max(...mapping.columns.map(({ column }) => quoteName(column).length));
  const lines = mapping.columns.map(
    (mapped) => `  ${quoteName(mapped.column).padEnd(width)} ${createTypeOf(mapped)}`,
  );
  const { conflict } = mapping;
  if (conflict.action !== "reject" && conflict.key !== undefined) {
    lines.push(`  primary key (${conflict.key.map(quoteName).join(", ")})`);
  }
  const schema = table.schema === undefined ? "" : `${quoteName(table.schema)}.`;
  return [
    `create table if not exists ${quoteTable(table)} (\n${lines.join(",\n")}\n);\n`,
    ...[ledgerSql, recordsSql].map((sql) => sql.replaceAll(":schema.", () => schema)),
  ].join("\n");
}

/**
 * The schema that a table's name means: its own, else that of the table which is found, else that of a new one.
 *
 * @throws EtlError where the database cannot be asked; no permission in the schema is needed
 */
export function findSchema(database: Database, wanted: TableName, signal: AbortSignal): Promise<string> {
  const options = { operation: "find schema", readOnly: true, signal };
  return database.transaction(options, (transaction) => schemaFor(transaction, wanted));
}

async function schemaFor(transaction: Transaction, wanted: TableName): Promise<string> {
  if (wanted.schema !== undefined) return wanted.schema;
  const [row] = await transaction.run(
    `select coalesce(
       (select n.nspname
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = pg_catalog.to_regclass($1::text)),
       current_schema(),
       'public'
     ) as schema`,
    [quoteTable(wanted)],
  );
  return row?.schema as string;
}

async function exists(transaction: Transaction, sqlName: string): Promise<boolean> {
  const [row] = await transaction.run("select pg_catalog.to_regclass($1::text) is not null as present", [
    sqlName,
  ]);
  return row?.present === true;
}
