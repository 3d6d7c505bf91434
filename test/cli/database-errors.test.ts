import { describe, expect, test } from "bun:test";
import { exitCodes } from "../../src/errors.ts";
import { expectFailure } from "../support/failed-run.ts";
import { drainJson } from "../support/json-drain.ts";
import { listen } from "../support/postgres-proxy.ts";
import { fileWorld, loginEvent, loginEvents, visible } from "../support/world.ts";

const world = await fileWorld("once");
/** May connect and see, and nothing else. */
const clerk = await world.newUser();
const { url: queueUrl } = await world.queueWith(loginEvents(2));

interface Expected {
  readonly exitCode: number;
  readonly error: string;
  readonly hint: string;
}

/** Runs a drain that must fail; afterwards every message can be received at once, and no row is there. */
async function fails(expected: Expected, changes: Record<string, string>, args: readonly string[] = []) {
  const run = await world.etl(queueUrl, ["drain", "--wait-seconds", "0", ...args], changes);
  expectFailure(run, expected, world.env(queueUrl, changes));
  expect(world.server.depth(queueUrl)).toEqual(visible(2));
  return run;
}

const url = world.databaseUrl;

describe("a drain whose database cannot be reached ends with an error, and keeps every message", () => {
  /** Fails at the first try. */
  const gaveUp = (error: string, changes: Record<string, string>) =>
    fails({ exitCode: exitCodes.temporary, error, hint: "check" }, changes, ["--give-up-after", "0"]);

  test("nothing listens at the database's port", async () => {
    const gone = await listen(() => {});
    await gone.stop();
    await gaveUp("nothing listens there", { DATABASE_URL: url({ port: String(gone.port) }) });
  });

  test("the database closes every connection, and at most ten are tried", async () => {
    const closing = await listen((socket) => socket.destroy());
    await gaveUp("cannot be reached", { DATABASE_URL: url({ port: String(closing.port) }) });
    expect(closing.connections()).toBeLessThanOrEqual(10);
    await closing.stop();
  });

  test("the database never answers, and PGCONNECT_TIMEOUT ends the wait", async () => {
    const silent = await listen(() => {});
    const DATABASE_URL = url({ port: String(silent.port) });
    await gaveUp("did not answer in time", { DATABASE_URL, PGCONNECT_TIMEOUT: "2" });
    await silent.stop();
  });

  test("there is no database of that name", async () => {
    const expected = { exitCode: exitCodes.config, error: "no database nowhere", hint: "createdb nowhere" };
    await fails(expected, { DATABASE_URL: url({ pathname: "/nowhere" }) });
  });

  test.each(["not a url", "mysql://root:hunter2@db/x"])("the database's URL is %j", async (text) => {
    const expected = { exitCode: exitCodes.config, error: "", hint: "postgres" };
    const run = await fails(expected, { DATABASE_URL: text });
    expect(run.stderr).not.toContain("hunter2");
  });
});

describe("a drain that the database does not let in ends with an error, and keeps every message", () => {
  test("the password is wrong", async () => {
    const expected = { exitCode: exitCodes.permission, error: "refused the password", hint: "PGPASSWORD" };
    const DATABASE_URL = url({ password: "wr0ng/canary" });
    const run = await fails(expected, { DATABASE_URL });
    expect(run.stderr).not.toContain("canary");
  });

  test("the user is unknown", async () => {
    const expected = { exitCode: exitCodes.permission, error: "user nobody_here", hint: "password" };
    await fails(expected, { DATABASE_URL: url({ username: "nobody_here" }) });
  });

  test("the sslmode is unknown", async () => {
    const expected = { exitCode: exitCodes.config, error: "sslmode", hint: "verify-full" };
    await fails(expected, { PGSSLMODE: "verify_full" });
  });

  test("TLS is required, and the server does not speak it", async () => {
    const expected = { exitCode: exitCodes.config, error: "does not speak TLS", hint: "sslmode" };
    await fails(expected, { PGSSLMODE: "require" });
  });
});

describe("a drain whose table does not fit ends with 78, and keeps every message", () => {
  test("the table lacks a column", async () => {
    const column = "alter table user_logins";
    await world.database.sql.unsafe(`${column} rename locale to language`);
    const expected = { exitCode: exitCodes.config, error: "has no column locale", hint: "add column locale" };
    await fails(expected, {});
    await world.database.sql.unsafe(`${column} rename language to locale`);
  });

  test("the table does not exist", async () => {
    const expected = { exitCode: exitCodes.config, error: "no table elsewhere", hint: "etl migrate" };
    await fails(expected, {}, ["--table", "elsewhere"]);
  });

  test("its schema has no ledger", async () => {
    await world.database.sql.unsafe(`create schema bare; create table bare.logins (like user_logins)`);
    const expected = { exitCode: exitCodes.config, error: "schema bare has no ledger", hint: "etl migrate" };
    await fails(expected, {}, ["--table", "bare.logins"]);
  });

  test("a trigger swallows rows: what was received is given back", async () => {
    await world.database.sql.unsafe(`
      create function swallow() returns trigger language plpgsql as 'begin return null; end';
      create trigger swallow before insert on user_logins for each row execute function swallow()`);
    await fails({ exitCode: exitCodes.config, error: "swallows rows", hint: "drop the trigger" }, {});
    await world.database.sql.unsafe("drop function swallow cascade");
  });
});

describe("a database user who lacks a permission", () => {
  const denied = { exitCode: exitCodes.permission, error: "lacks a permission" };
  const asClerk = { DATABASE_URL: clerk.url };

  test("loads nothing and loses nothing, and the line that it is told to type prints the grants that were missing", async () => {
    const { sql } = world.database;
    await sql.unsafe(`grant usage on schema public to ${clerk.name}`);
    const hint = "etl doctor --grants --table public.user_logins";
    await fails({ ...denied, hint }, asClerk);
    const { stdout: grants } = await world.etl(queueUrl, hint.split(" ").slice(1), asClerk);
    const ofLedger = grants.split("\n").filter((grant) => grant.includes(".etl_"));
    expect(ofLedger.length).toBeGreaterThan(0);

    await sql.unsafe(ofLedger.join(" "));
    const second = await fails({ ...denied, hint }, asClerk);
    expect(second.stdout).toMatch(/\+ released +2/);

    await sql.unsafe(grants);
    const run = await drainJson(world, queueUrl, [], asClerk);
    expect(run.receipt).toMatchObject({ received: 2, inserted: 2, deleted: 2 });
    expect((await sql`select from user_logins`).length).toBe(2);
  });

  test("cannot migrate, and is told to give the SQL to somebody who can", async () => {
    const run = await world.etl(queueUrl, ["migrate", "--table", "fresh"], asClerk);
    const hint = "etl migrate --print";
    expectFailure(run, { ...denied, hint }, world.env(queueUrl, asClerk));
  });
});

test("a ledger that was emptied ends a run before it receives, until the hint is typed", async () => {
  const { sql } = world.database;
  const { url } = await world.queueWith([loginEvent()]);
  expect(await drainJson(world, url)).toMatchObject({ exitCode: 0, receipt: { inserted: 1 } });
  await sql`truncate etl_ledger`;
  await world.server.send(url, [loginEvent()]);
  const run = await world.etl(url, ["drain"]);
  const hint = "update public.etl_run set forgotten_at = now() where queue_id =";
  expectFailure(
    run,
    { exitCode: exitCodes.config, error: "has lost entries of this queue", hint },
    world.env(url),
  );
  await sql.unsafe(/^try: (.*)$/m.exec(run.stderr)?.[1] ?? "");
  expect(await drainJson(world, url)).toMatchObject({ exitCode: 0, receipt: { inserted: 1 } });
});

test("an unlogged table is loaded, and that a crash would empty it is said", async () => {
  await world.database.sql.unsafe("alter table user_logins set unlogged");
  const { url } = await world.queueWith([loginEvent()]);
  const run = await drainJson(world, url);
  expect(run).toMatchObject({ exitCode: 0, receipt: { inserted: 1 } });
  expect(run.stderr).toContain("warn table public.user_logins is unlogged");
});
