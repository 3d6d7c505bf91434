/** Opens the table that the settings name: its database, what its catalog allows, and the way in. */

import { homedir, userInfo } from "node:os";
import { readTable, type TableDescription } from "../postgres/catalog.ts";
import { type Database, openDatabase } from "../postgres/connect.ts";
import { type ConnectionSettings, readConnectionSettings } from "../postgres/connection-settings.ts";
import { checkTable } from "../postgres/table-check.ts";
import type { Settings } from "../settings/settings.ts";
import { readTextFile } from "../settings/text-file.ts";
import type { Context } from "./context.ts";
import { defaultMethod } from "./masker.ts";

/** The database of the settings, as {@link readDatabaseSettings} reads them; connected to when it is first used. */
export function openSettingsDatabase(settings: Pick<Settings, "database">, context: Context): Database {
  return openDatabase(readDatabaseSettings(settings, context));
}

/**
 * Where the database is and how to get in. Warns of what a person should know of it.
 *
 * @throws EtlError of kind config where the settings cannot be used
 */
export function readDatabaseSettings(
  { database }: Pick<Settings, "database">,
  { env, log }: Context,
): ConnectionSettings {
  const settings = readConnectionSettings({
    url: database.url,
    env,
    file: database.file,
    readFile: readTextFile,
    osUser: userInfo().username,
    homeFolder: homedir(),
  });
  const { openPasswordFile: path } = settings;
  if (path !== undefined)
    log.warn(`password file ${path} is ignored: others may read it; try: chmod 0600 ${path}`);
  return settings;
}

/**
 * Reads the live table and holds the mapping against it.
 *
 * @throws EtlError of kind config where the table is not there or could take no row
 */
export async function openTable(
  database: Database,
  { table: { name, mapping }, mask }: Pick<Settings, "table" | "mask">,
  { log }: Pick<Context, "log">,
): Promise<TableDescription> {
  const table = await readTable(database, name);
  checkTable(table, mapping, defaultMethod(mask.algorithm));
  if (table.unlogged) log.warn(`table ${table.sqlName} is unlogged: a crash of the server empties it`);
  return table;
}
