/** Makes what is missing of the target table and of etl's own tables, and brings older ones along. */

import type { Mapping } from "../message/mapping.ts";
import { createTypeOf } from "../message/stored-type.ts";
import type { Database } from "./connect.ts";
import { parseTableName, quoteName, quoteTable, type TableName } from "./identifier.ts";
import { ownTables } from "./ledger.ts";
import { type Migration, migrationStatements, migrations, missingMigrations } from "./migrations.ts";

/** What a migration found and made. */
export interface MigrationResult {
  /** Tables, as names that SQL takes. */
  readonly created: readonly string[];
  readonly found: readonly string[];
  /** Migrations that the schema had not had, such as `3 (tables)`. */
  readonly applied: readonly string[];
}

/** Two migrations at once wait for each other: `if not exists` alone can fail when both see nothing. */
const lockSql = "select pg_advisory_xact_lock(hashtext('etl migrate'));";

/**
 * The SQL that a migration runs, for `etl migrate --print`. It may run again, and then changes nothing.
 *
 * @param tableName as for `--table`; without a schema, it goes to the first one of the search path
 * @param ledgerSchema of etl's own tables, created if it is missing; the table's if absent
 * @throws EtlError of kind config if that is not a table's name
 */
export function migrationSql(mapping: Mapping, tableName: string, ledgerSchema?: string): string {
  const table = parseTableName(tableName);
  const schema = ledgerSchema === undefined ? "" : `${createSchema(ledgerSchema)}\n\n`;
  const own = migrationStatements(migrations, ledgerSchema ?? table.schema, table);
  return `begin;\n\n${lockSql}\n\n${schema}${createTable(mapping, table)}\n${own}\ncommit;\n`;
}

/**
 * Creates and changes what is missing, in one transaction. It may run twice, and twice at once.
 *
 * A table that exists is found on the search path as a query would find it.
 *
 * @param ledgerSchema of etl's own tables, created if it is missing; the table's if absent
 * @throws EtlError of kind permission if the user may not create tables; config if a newer etl made them
 */
export async function migrate(
  database: Database,
  mapping: Mapping,
  tableName: string,
  ledgerSchema?: string,
): Promise<MigrationResult> {
  const wanted = parseTableName(tableName);
  const options = {
    operation: "migrate",
    grants: "etl migrate --print, and give the SQL to an administrator",
  };
  return await database.transaction(options, async (transaction) => {
    await transaction.run(lockSql);
    const [place] = await transaction.run(schemaSql, [quoteTable(wanted)]);
    const target = { schema: wanted.schema ?? (place?.schema as string), name: wanted.name };
    const schema = ledgerSchema ?? target.schema;
    const names = [quoteTable(target), ...ownTables.map((name) => quoteTable({ schema, name }))];
    const [table, ...own] = names;
    const existing = await transaction.run(
      `select name, pg_catalog.to_regclass(name) is not null as table_exists,
         pg_catalog.to_regnamespace($2::text) is not null as schema_exists
       from pg_catalog.json_array_elements_text($1::text::json) with ordinality as asked (name, place)
       order by place`,
      [JSON.stringify(names), quoteName(schema)],
    );
    const found = existing.flatMap(({ name, table_exists }) => (table_exists ? [name as string] : []));
    // Even `if not exists` asks for the permission to create: what is there is not touched.
    if (ledgerSchema !== undefined && !existing[0]?.schema_exists)
      await transaction.run(createSchema(ledgerSchema));
    const list = quoteTable({ schema, name: "etl_migration" });
    const applied = found.includes(list)
      ? await transaction.run(`select number from ${list} order by number`)
      : [];
    const missing = missingMigrations(
      applied.map(({ number }) => number as number),
      schema,
    );
    if (!found.includes(table as string)) await transaction.run(createTable(mapping, target));
    // A table that was dropped is made again by the migrations that made it.
    const which = own.every((name) => found.includes(name)) ? missing : migrations;
    if (which.length > 0) await transaction.run(migrationStatements(which, schema, target));
    return { created: names.filter((name) => !found.includes(name)), found, applied: missing.map(label) };
  });
}

const label = ({ number, name }: Migration) => `${number} (${name})`;

const createSchema = (schema: string) => `create schema if not exists ${quoteName(schema)};`;

function createTable(mapping: Mapping, table: TableName): string {
  const width = Math.max(...mapping.columns.map(({ column }) => quoteName(column).length));
  const lines = mapping.columns.map(
    (mapped) => `  ${quoteName(mapped.column).padEnd(width)} ${createTypeOf(mapped)}`,
  );
  const { conflict } = mapping;
  if (conflict.action !== "reject" && conflict.key !== undefined) {
    lines.push(`  primary key (${conflict.key.map(quoteName).join(", ")})`);
  }
  return `create table if not exists ${quoteTable(table)} (\n${lines.join(",\n")}\n);\n`;
}

/**
 * The schema that a table's name means: its own, else that of the table which is found, else that of a new one.
 *
 * @throws EtlError if the database does not answer; no permission in the schema is needed
 */
export async function findSchema(
  database: Database,
  wanted: TableName,
  signal: AbortSignal,
): Promise<string> {
  if (wanted.schema !== undefined) return wanted.schema;
  const statement = { text: schemaSql, parameters: [quoteTable(wanted)] };
  const [row] = await database.runOnce({ operation: "find schema", readOnly: true, signal }, statement);
  return row?.[0] as string;
}

/** The schema of a table whose name, the parameter, says none. */
const schemaSql = `
  select coalesce(
    (select n.nspname
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.oid = pg_catalog.to_regclass($1::text)),
    current_schema(),
    'public'
  ) as schema`;
