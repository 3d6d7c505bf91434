import { afterAll, beforeAll, expect, test } from "bun:test";
import postgres from "postgres";
import { userLogins } from "../../../src/message/mapping.ts";
import { type Database, openDatabase } from "../../../src/postgres/connect.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { createDatabase, sharedServer, superuser, type TestDatabase } from "../../support/postgres.ts";
import { failureOf, openLoginLoader, patientDeadlines, settingsOf } from "../../support/postgres-database.ts";
import { loginMessage, loginMessages } from "../../support/postgres-messages.ts";
import { startTransactionPooler, type TransactionPooler } from "../../support/transaction-pooler.ts";

let testDatabase: TestDatabase;
let pooler: TransactionPooler;
let databases: Database[];

beforeAll(async () => {
  testDatabase = await createDatabase();
  const { port, socketFolder } = await sharedServer();
  pooler = await startTransactionPooler({
    socketPath: `${socketFolder}/.s.PGSQL.${port}`,
    user: superuser,
    database: testDatabase.name,
    sessions: 3,
  });
  const settings = { ...settingsOf(testDatabase.url), port: pooler.port };
  databases = [openDatabase(settings, patientDeadlines), openDatabase(settings, patientDeadlines)];
  await migrate(databases[0] as Database, userLogins, "user_logins");
});

afterAll(async () => {
  for (const database of databases) database.close();
  await pooler.stop();
  await testDatabase.drop();
});

test("loads through a pooler that gives every transaction another session", async () => {
  const loaders = await Promise.all(databases.map((database) => openLoginLoader(database)));
  let inserted = 0;
  for (let round = 0; round < 10; round += 1) {
    const batch = loginMessages(20, round * 20);
    const results = await Promise.all(loaders.map((loader) => loader.load(batch)));
    for (const result of results) inserted += result.inserted;
  }
  expect(inserted).toBe(200);
  expect(pooler.transactions.every((count) => count > 5)).toBe(true);
});

test("finds bad rows through it", async () => {
  const loader = await openLoginLoader(databases[0] as Database);
  const batch = loginMessages(10, 1000).with(4, loginMessage(1004, { 1: "x".repeat(33) }));
  expect(await loader.load(batch)).toMatchObject({ inserted: 9, rejections: [{ reason: "sqlstate_22001" }] });
});

test("leaves no setting behind in its sessions", async () => {
  const sql = postgres({ ...pooled(), prepare: false, fetch_types: false, max: 1 });
  const before = [...pooler.transactions];
  for (let session = 0; session < 3; session += 1) {
    const settings = await sql`select name, setting from pg_settings where source = 'session'`;
    expect([...settings]).toEqual([]);
  }
  expect(pooler.transactions.map((count, index) => count - (before[index] ?? 0))).toEqual([1, 1, 1]);
  await sql.end({ timeout: 0 });
});

test("the pooler refuses what a real one refuses, so that these tests can fail", async () => {
  const sql = postgres({ ...pooled(), connection: { search_path: "public" } });
  expect(await sql`select 1`.catch((error) => error.code)).toBe("08P01");
  await sql.end({ timeout: 0 });
});

test("a pooler in statement mode is a wrong set-up, told at the first transaction, and not waited for", async () => {
  const { port, socketFolder } = await sharedServer();
  const pooler = await startTransactionPooler({
    ...{ socketPath: `${socketFolder}/.s.PGSQL.${port}`, user: superuser, database: testDatabase.name },
    ...{ sessions: 4, mode: "statement" },
  });
  const database = openDatabase({ ...settingsOf(testDatabase.url), port: pooler.port }, patientDeadlines);
  const single = { text: "select 1", parameters: [] };
  for (const [transaction, code] of [
    [database.runOnce({ operation: "load", readOnly: true }, single), "08P01"],
    [database.transaction({ operation: "load" }, async () => {}), "08P01"],
    // The commit was sent along, and the server may have got it.
    [database.runOnce({ operation: "load" }, single), "commit_unknown"],
  ] as const) {
    const failure = await failureOf(transaction);
    expect(failure).toMatchObject({ kind: "config", exitCode: 78, retryable: false, code });
    expect(failure.message).toContain("statement mode");
    expect(failure.hint).toContain(`pool_mode = transaction for ${testDatabase.name}`);
  }
  database.close();
  await pooler.stop();
});

function pooled() {
  return { host: "127.0.0.1", port: pooler.port, user: superuser, database: testDatabase.name };
}
