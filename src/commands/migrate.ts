/** `etl migrate`: makes the table and the ledger, or prints the SQL that would. */

import type { MigrateOptions } from "../config/options.ts";
import { loadSettings } from "../config/settings.ts";
import { readTextFile } from "../config/text-file.ts";
import { userLogins } from "../pipeline/mapping.ts";
import { migrate, migrationSql } from "../postgres/migrate.ts";
import type { Context } from "./context.ts";
import { openSettingsDatabase } from "./table.ts";

/**
 * Creates what is missing and says what it found.
 *
 * @returns 0
 * @throws EtlError where the database cannot be reached or does not permit it
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
    return 0;
  } finally {
    database.close();
  }
}
