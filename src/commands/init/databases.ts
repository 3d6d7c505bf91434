/** Databases as the set-up sees them: asked for what is there, and changed in the end alone. */

import { columnTypes } from "../../message/mapping.ts";
import type { DefaultMaskMethod } from "../../message/stored-type.ts";
import { columnLimits, readTable, type TableColumn, type TableDescription } from "../../postgres/catalog.ts";
import { holds, maxCharacters } from "../../postgres/column-types.ts";
import type { Database } from "../../postgres/connect.ts";
import { parseTableName, quoteTable } from "../../postgres/identifier.ts";
import { listTables } from "../../postgres/inspection.ts";
import { migrate } from "../../postgres/migrate.ts";
import { checkTable } from "../../postgres/table-check.ts";
import type { DatabaseSettings } from "../../settings/database-settings.ts";
import type { SetupDatabase, SetupDatabases, TargetColumn, TargetTable } from "../../setup/ports.ts";
import type { Context } from "../context.ts";
import { openSettingsDatabase } from "../table.ts";

/**
 * The way to databases.
 *
 * @param settings as flags, environment and file say it
 * @param defaultMask how a column is masked that does not say it
 * @param signal closes the connection, which ends what is under way
 */
export function setupDatabases(
  settings: DatabaseSettings,
  context: Context,
  defaultMask: DefaultMaskMethod,
  signal: AbortSignal,
): SetupDatabases {
  return {
    async connect(answer) {
      // A URL goes the way that it will go out of the file, behind the PG* variables.
      const database = openSettingsDatabase(
        { database: answer.kind === "settings" ? settings : { url: undefined, file: answer } },
        context,
      );
      const close = () => database.close();
      signal.addEventListener("abort", close, { once: true });
      try {
        await database.transaction({ operation: "connect", readOnly: true }, (transaction) =>
          transaction.run("select 1"),
        );
        return setupDatabase(database, defaultMask);
      } catch (error) {
        database.close();
        throw error;
      }
    },
  };
}

function setupDatabase(database: Database, defaultMask: DefaultMaskMethod): SetupDatabase {
  const read = async (name: string) => {
    const options = { operation: "read table", readOnly: true };
    const sqlName = quoteTable(parseTableName(name));
    const [row] = await database.transaction(options, (transaction) =>
      transaction.run("select pg_catalog.to_regclass($1::text) is not null as there", [sqlName]),
    );
    return row?.there === true ? await readTable(database, name) : undefined;
  };
  return {
    address: database.address,
    name: database.name,
    user: database.user,
    async tables() {
      const tables = await listTables(database);
      return tables.map(({ sqlName, columns, estimatedRows }) => ({
        name: sqlName,
        columns,
        rows: estimatedRows,
      }));
    },
    async table(name) {
      const found = await read(name);
      return found === undefined ? undefined : targetTable(found);
    },
    async check(name, mapping) {
      checkTable(await readTable(database, name), mapping, defaultMask);
    },
    async migrate(name, mapping) {
      const { created } = await migrate(database, mapping, name);
      return created;
    },
    close: () => database.close(),
  };
}

function targetTable(table: TableDescription): TargetTable {
  return { name: table.sqlName, columns: table.columns.map(targetColumn), limits: columnLimits(table) };
}

function targetColumn({
  name,
  declaredType,
  type,
  nullable,
  hasDefault,
  generated,
}: TableColumn): TargetColumn {
  return {
    name,
    declaredType,
    takes: columnTypes.filter((stored) => holds(type, stored)),
    maxCharacters: maxCharacters(type),
    nullable,
    hasDefault,
    alwaysGenerated: generated !== "no",
  };
}
