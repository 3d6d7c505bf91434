/** One database for a test file, made anew before each of its tests. */

import { afterAll, beforeEach } from "bun:test";
import { type Mapping, userLogins } from "../../src/message/mapping.ts";
import type { Database } from "../../src/postgres/connect.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { createDatabase, type TestDatabase } from "./postgres.ts";
import { openUrl } from "./postgres-database.ts";

/** What a test file works with. */
interface EmptyDatabase {
  readonly testDatabase: TestDatabase;
  /** The adapter under test, connected to it. */
  readonly database: Database;
}

/** Makes a database that has nothing in it when a test begins, and is gone after the last test of the file. */
export async function emptyDatabase(): Promise<EmptyDatabase> {
  const testDatabase = await createDatabase();
  const database = openUrl(testDatabase.url);
  beforeEach(async () => {
    await testDatabase.sql.unsafe("drop schema public cascade; create schema public");
  });
  afterAll(async () => {
    database.close();
    await testDatabase.drop();
  });
  return { testDatabase, database };
}

/** The same with the ledger and the table of a mapping, of the reference job's where none is given. */
export async function migratedDatabase(
  mapping: Mapping = userLogins,
  table = "user_logins",
): Promise<EmptyDatabase> {
  const made = await emptyDatabase();
  beforeEach(async () => {
    await migrate(made.database, mapping, table);
  });
  return made;
}
