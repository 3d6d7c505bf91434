/** The numbered changes that make etl's own tables, and which of them a schema has had. */

import manifest from "../../package.json" with { type: "json" };
import { EtlError } from "../errors.ts";
import { quoteName, quoteTable, sqlLiteral, type TableName } from "./identifier.ts";
import ledgerSql from "./migrations/001-ledger.sql" with { type: "text" };
import recordsSql from "./migrations/002-records.sql" with { type: "text" };
import tablesSql from "./migrations/003-tables.sql" with { type: "text" };

/** One change. Its SQL may run again, and then changes nothing: `etl migrate --print` prints all of them. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

/** All of them, in order. Add the next one at the end, and never change one that was released. */
export const migrations: readonly Migration[] = [
  { number: 1, name: "ledger", sql: ledgerSql },
  { number: 2, name: "records", sql: recordsSql },
  { number: 3, name: "tables", sql: tablesSql },
];

/** Readable by everyone: whoever drains must be able to tell whether its tables are those that it knows. */
const listSql = `-- The changes that made etl's own tables, and the version of etl that made each.
create table if not exists :schema.etl_migration (
  number     integer primary key,
  name       text not null,
  applied_at timestamptz not null default now(),
  version    text not null
);
grant select on :schema.etl_migration to public;
`;

/**
 * The SQL that runs migrations and records them.
 *
 * @param schema of etl's own tables; undefined for the first one of the search path
 * @param table the table that is drained into
 */
export function migrationStatements(
  which: readonly Migration[],
  schema: string | undefined,
  table: TableName,
): string {
  const { schema: tableSchema } = table;
  const tableName =
    tableSchema === undefined
      ? `quote_ident(current_schema()) || ${sqlLiteral(`.${quoteTable(table)}`)}`
      : sqlLiteral(quoteTable(table));
  const records = which.map(({ number, name, sql }) => {
    const values = `${number}, ${sqlLiteral(name)}, ${sqlLiteral(manifest.version)}`;
    return `${sql}\ninsert into :schema.etl_migration (number, name, version) values (${values}) on conflict do nothing;\n`;
  });
  return [listSql, ...records]
    .join("\n")
    .replaceAll(":schema.", () => (schema === undefined ? "" : `${quoteName(schema)}.`))
    .replaceAll(":table", () => tableName);
}

/**
 * The migrations that a schema has not had.
 *
 * @param applied the numbers of those that it has had, in order
 * @throws EtlError of kind config, code `ledger_newer`, if it has had one that this version does not know
 */
export function missingMigrations(applied: readonly number[], schema: string): readonly Migration[] {
  const newest = applied.at(-1) ?? 0;
  if (newest > migrations.length) {
    throw new EtlError({
      kind: "config",
      operation: "read migrations",
      message: `the tables of etl in schema ${schema} were made by a newer etl: etl ${manifest.version} does not know migration ${newest}`,
      hint: "upgrade etl",
      code: "ledger_newer",
      resource: quoteTable({ schema, name: "etl_migration" }),
    });
  }
  return migrations.filter(({ number }) => !applied.includes(number));
}
