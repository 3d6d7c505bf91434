/** `etl migrate`: makes the table and etl's own tables, brings older ones along, or prints the SQL that would. */

import { migrate, migrationSql } from "../postgres/migrate.ts";
import type { MigrateOptions } from "../settings/options.ts";
import type { Context } from "./context.ts";
import { readSettings } from "./settings.ts";
import { openSettingsDatabase, openTable } from "./table.ts";

/**
 * Creates and changes what is missing, says what it found, and checks that the table can take the rows.
 *
 * @returns 0
 * @throws EtlError if the database cannot be reached or does not permit it, or the table that is there does not fit
 */
export async function runMigrate(context: Context, options: MigrateOptions): Promise<number> {
  const settings = readSettings(context, options);
  const { mapping, name } = settings.table;
  if (options.print) {
    await context.stdout.write(migrationSql(mapping, name, settings.ledger?.schema));
    return 0;
  }
  const database = openSettingsDatabase(settings, context);
  try {
    const { created, found, applied } = await migrate(database, mapping, name, settings.ledger?.schema);
    const lines = [
      ...created.map((name) => `created ${name}`),
      ...found.map((name) => `found   ${name}`),
      ...applied.map((migration) => `applied migration ${migration}`),
    ];
    await context.stdout.write(`${lines.join("\n")}\n`);
    // A table that was found is taken as it is, if it can take the rows.
    await openTable(database, settings, context);
    return 0;
  } finally {
    database.close();
  }
}
