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

/** A user without the superuser's rights, and the adapter under test, connected as that user. */
interface TestRole {
  readonly role: string;
  readonly url: string;
  readonly asRole: Database;
}

/**
 * Makes a role, and drops it when the work is done.
 *
 * @param grants what it may do, as SQL
 */
export async function withRole(
  { url, sql }: TestDatabase,
  grants: (role: string) => string,
  work: (role: TestRole) => Promise<void>,
): Promise<void> {
  const role = `role_${crypto.randomUUID().slice(0, 8)}`;
  await sql.unsafe(`create role ${role} login password 'word'; ${grants(role)}`);
  const own = url.replace(/\/\/[^@]*@/, `//${role}:word@`);
  const asRole = openUrl(own);
  try {
    await work({ role, url: own, asRole });
  } finally {
    asRole.close();
    await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  }
}

/** Lets a role look into the schema `public`. */
export const usage = (role: string) => `grant usage on schema public to ${role};`;
