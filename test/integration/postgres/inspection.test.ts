import { expect, test } from "bun:test";
import { userLogins } from "../../../src/message/mapping.ts";
import { readTable } from "../../../src/postgres/catalog.ts";
import { listTables, maskKeysIn } from "../../../src/postgres/inspection.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { openLoginLoader } from "../../support/postgres-database.ts";
import { emptyDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { loginMessage, loginMessages } from "../../support/postgres-messages.ts";
import { newestReading } from "../../support/postgres-readings.ts";

const { testDatabase, database } = await emptyDatabase();
const run = (statement: string) => testDatabase.sql.unsafe(statement);

const names = async (from = database) => (await listTables(from)).map(({ sqlName }) => sqlName);

test("an empty database has none", async () => {
  expect(await listTables(database)).toEqual([]);
});

test("a table is told with its columns and what the server believes of its rows", async () => {
  await run("create table event (a int, b int, c int); alter table event drop b");
  const event = { sqlName: "public.event", columns: 2 };
  expect(await listTables(database)).toEqual([{ ...event, estimatedRows: undefined }]);
  await run("insert into event select n, n from generate_series(1, 1000) as n; analyze event");
  expect(await listTables(database)).toEqual([{ ...event, estimatedRows: 1000 }]);
});

test("the ledger, views, partitions, temporary tables and an extension's are no choice", async () => {
  await migrate(database, newestReading, "reading");
  await run(`
    create table parted (a int) partition by range (a);
    create table part partition of parted for values from (0) to (9);
    create view seen as select 1 as a;
    create materialized view kept as select 1 as a;
    create temporary table passing (a int);
    create table owned (a int);
    create extension citext;
    alter extension citext add table owned`);
  expect(await names()).toEqual(["public.parted", "public.reading"]);
  await run("alter extension citext drop table owned; drop table passing");
});

test("tables on the search path come first, and names are written as SQL takes them", async () => {
  await run(`
    create schema archive;
    create table archive."My Events" (a int);
    create table zebra (a int)`);
  try {
    expect(await names()).toEqual(["public.zebra", 'archive."My Events"']);
  } finally {
    await run("drop schema archive cascade");
  }
});

test("only what the user may insert into, a single column being enough", async () => {
  const grants = (role: string) => `${usage(role)}
    create table closed (a int); grant select on closed to ${role};
    create table open (a int); grant insert on open to ${role};
    create table narrow (a int, b int); grant insert (b) on narrow to ${role};
    create schema hidden; create table hidden.open (a int); grant insert on hidden.open to ${role}`;
  await withRole(testDatabase, grants, async ({ asRole }) => {
    expect(await names(asRole)).toEqual(["public.narrow", "public.open"]);
  });
  await run("drop schema hidden cascade");
});

const columns = ["masked_ip", "masked_device_id"];
const look = async (from = database) =>
  maskKeysIn(from, await readTable(from, "user_logins"), columns, new AbortController().signal);

test("an empty table has no mask keys", async () => {
  await migrate(database, userLogins, "user_logins");
  expect(await look()).toEqual([]);
});

test("each mask key is met once, whichever column it is in, and nothing else is taken for one", async () => {
  await migrate(database, userLogins, "user_logins");
  const sink = await openLoginLoader(database);
  const old = loginMessage(200, { 2: "hmac:00000001:x" });
  const plain = loginMessage(201, { 2: "a plain hash", 3: "hmac:not-a-key:x" });
  const none = loginMessage(202, { 2: null, 3: null });
  await sink.load([...loginMessages(100), old, plain, none]);
  expect(await look()).toEqual(["00000001", "0badcafe"]);
});

test("a user who may only insert is not asked for the right to read masked rows", async () => {
  await migrate(database, userLogins, "user_logins");
  const grants = (role: string) => `${usage(role)} grant insert on user_logins to ${role}`;
  await withRole(testDatabase, grants, async ({ asRole }) => {
    expect(await look(asRole)).toBeUndefined();
  });
});
