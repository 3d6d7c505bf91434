/** `etl migrate`: makes the table and the ledger, or prints the SQL that would. */

import type { MigrateOptions } from "../config/options.ts";
import { loadSettings } from "../config/settings.ts";
import { readTextFile } from "../config/text-file.ts";
import { userLogins } from "../pipeline/mapping.ts";
import { migrate, migrationSql } from "../postgres/migrate.ts";
import type { Context } from "./context.ts";
import { openSettingsDatabase, openTable } from "./table.ts";

/**
 * Creates what is missing, says what it found, and checks that the table can take the rows.
 *
 * @returns 0
 * @throws EtlError where the database cannot be reached or does not permit it, or where the table that is there does not fit
 */
export async function runMigrate(context: Context, options: MigrateOptions): Promise<number> {
  const settings = loadSettings({ flags: options, env: context.env, readFile: readTextFile });
  if (options.print) {
    await context.stdout.write(migrationSql(userLogins, settings.table));
    return 0;
  }
  const database = openSettingsDatabase(settings, context);
  try {
    const { created, found } = await migrate(database, userLogins, settings.table);
    const lines = [...created.map((name) => `created ${name}`), ...found.map((name) => `found   ${name}`)];
    await context.stdout.write(`${lines.join("\n")}\n`);
    // A table that was found is taken as it is, if it can take the rows.
    await openTable(database, settings, context);
    return 0;
  } finally {
    database.close();
  }
}
