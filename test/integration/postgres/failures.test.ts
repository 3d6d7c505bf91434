import { describe, expect, test } from "bun:test";
import postgres from "postgres";
import type { ErrorKind } from "../../../src/errors.ts";
import { userLogins } from "../../../src/message/mapping.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { createDatabase, startServer } from "../../support/postgres.ts";
import { failureOf, openLoginLoader, openUrl } from "../../support/postgres-database.ts";
import { migratedDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { loginMessage, loginMessages } from "../../support/postgres-messages.ts";

const { testDatabase, database } = await migratedDatabase();

async function stored(sql = testDatabase.sql): Promise<{ rows: number; entries: number }> {
  const [counts] = await sql`
    select (select count(*) from user_logins)::int as rows, (select count(*) from etl_ledger)::int as entries`;
  return { rows: counts?.rows, entries: counts?.entries };
}

/** A trigger on the table that runs this for each row. */
async function onInsert(body: string): Promise<void> {
  await testDatabase.sql.unsafe(`
    create or replace function act() returns trigger language plpgsql as $$ begin ${body}; return new; end $$;
    create or replace trigger act before insert on user_logins for each row execute function act()`);
}

describe("an error of the server in the midst of a batch", () => {
  const cases: [code: string, what: string, kind: ErrorKind][] = [
    ["53100", "disk full", "unavailable"],
    ["53200", "out of memory", "unavailable"],
    ["58030", "failed to read or write a file", "unavailable"],
    ["57P01", "shut down by an administrator", "unavailable"],
    ["XX001", "a damaged page", "unavailable"],
    ["40001", "not to be serialized", "temporary"],
    ["40P01", "deadlock", "temporary"],
    ["55P03", "a lock that is not free", "temporary"],
    ["57014", "statement time-out", "temporary"],
    ["25006", "read only", "unavailable"],
  ];
  for (const [code, what, kind] of cases) {
    test(`${code}, ${what}, rejects nothing: it is tried again`, async () => {
      const loader = await openLoginLoader(database);
      await onInsert(`if new.user_id = 'user-7' then
        raise exception 'canary %', new.user_id using errcode = '${code}', detail = 'canary'; end if`);
      const failure = await failureOf(loader.load(loginMessages(20)));
      expect(failure).toMatchObject({ kind, retryable: true, code, operation: "load" });
      expect([failure.message, failure.hint, failure.stack].join("\n")).not.toMatch(/canary|user-7/);
      expect(await stored()).toEqual({ rows: 0, entries: 0 });

      // Among bad rows it is told apart from them.
      const withBadRow = loginMessages(20).with(2, loginMessage(3, { 1: "x".repeat(33) }));
      expect(await failureOf(loader.load(withBadRow))).toMatchObject({ kind, retryable: true, code });
      expect(await stored()).toEqual({ rows: 0, entries: 0 });

      await testDatabase.sql`drop trigger act on user_logins`;
      expect(await loader.load(loginMessages(20))).toMatchObject({ inserted: 20 });
    });
  }
});

describe("a table that changes meanwhile", () => {
  for (const table of ["user_logins", "etl_ledger"]) {
    test(`${table} is dropped: the run ends; made again, it is loaded into`, async () => {
      const loader = await openLoginLoader(database);
      await loader.load(loginMessages(3));
      await testDatabase.sql.unsafe(`drop table ${table}`);
      expect(await failureOf(loader.load(loginMessages(3, 4)))).toMatchObject({
        kind: "config",
        message: expect.stringMatching(/no table public.user_logins|has no ledger/),
        retryable: false,
        hint: "etl migrate --table public.user_logins",
      });
      await migrate(database, userLogins, "user_logins");
      expect(await loader.load(loginMessages(3, 4))).toMatchObject({ inserted: 3 });
    });
  }

  test("it is dropped while a load waits for it", async () => {
    const loader = await openLoginLoader(database);
    let loading: Promise<unknown> = Promise.resolve();
    await testDatabase.sql.begin(async (sql) => {
      await sql`drop table user_logins`;
      loading = failureOf(loader.load(loginMessages(3)));
      while ((await sql`select 1 from pg_locks where not granted`).length === 0) await Bun.sleep(5);
    });
    expect(await loading).toMatchObject({
      kind: "config",
      message: expect.stringContaining("no table public.user_logins"),
    });
  });

  test("a column is dropped: the hint mends it", async () => {
    const loader = await openLoginLoader(database);
    await testDatabase.sql`alter table user_logins drop column locale`;
    const failure = await failureOf(loader.load(loginMessages(3)));
    expect(failure).toMatchObject({ kind: "config", message: expect.stringContaining("no column locale") });
    await testDatabase.sql.unsafe(failure.hint ?? "");
    expect(await loader.load(loginMessages(3))).toMatchObject({ inserted: 3 });
  });

  test("a trigger swallows a row beside a bad one: the run ends, and nothing is rejected", async () => {
    const loader = await openLoginLoader(database);
    await onInsert("if new.user_id = 'user-7' then return null; end if");
    const batch = loginMessages(20).with(2, loginMessage(3, { 1: "x".repeat(33) }));
    const failure = await failureOf(loader.load(batch));
    expect(failure).toMatchObject({ kind: "config", retryable: false });
    expect(failure.message).toContain("swallows rows");
    expect(await stored()).toEqual({ rows: 0, entries: 0 });
  });

  test("one reason for every row that the ledger does not know ends the run", async () => {
    const loader = await openLoginLoader(database);
    await loader.load(loginMessages(30));
    await testDatabase.sql`alter table user_logins add constraint closed check (false) not valid`;
    const failure = await failureOf(loader.load(loginMessages(80)));
    expect(failure).toMatchObject({ kind: "config", code: "23514" });
    expect(failure.message).toContain("refused 50 rows in a row");
    expect(await loader.load(loginMessages(79))).toMatchObject({
      duplicates: 30,
      rejections: { length: 49 },
    });
  });
});

describe("a server that cannot take a batch now", () => {
  test("deadlock with another session", async () => {
    const loader = await openLoginLoader(database);
    const ids = [1, 2].map((number) => loginMessage(number).ref);
    const [queue] = await testDatabase.sql`select queue_id from etl_queue`;
    let loading: Promise<unknown> = Promise.resolve();
    await testDatabase.sql.begin(async (sql) => {
      const enter = ({ messageId, sentAtMillis }: { messageId: string; sentAtMillis: number }) =>
        sql`insert into etl_ledger values (${new Date(sentAtMillis)}, ${messageId}, ${queue?.queue_id})`;
      // So that the load is the one to find out, and to be ended.
      await sql`set local deadlock_timeout = '1min'`;
      for (const id of ids.slice(1)) await enter(id);
      loading = failureOf(loader.load(loginMessages(2)));
      while ((await sql`select 1 from pg_locks where not granted`).length === 0) await Bun.sleep(5);
      for (const id of ids.slice(0, 1)) await enter(id);
      await sql`delete from etl_ledger`;
    });
    expect(await loading).toMatchObject({ kind: "temporary", code: "40P01", retryable: true });
    expect(await loader.load(loginMessages(2))).toMatchObject({ inserted: 2 });
  });

  test("the session is ended in the midst of a load", async () => {
    const loader = await openLoginLoader(database);
    await onInsert("perform pg_terminate_backend(pg_backend_pid())");
    expect(await failureOf(loader.load(loginMessages(3)))).toMatchObject({
      kind: "unavailable",
      retryable: true,
    });
    await testDatabase.sql`drop trigger act on user_logins`;
    expect(await loader.load(loginMessages(3))).toMatchObject({ inserted: 3 });
  });

  test("no connection is left", async () => {
    const grants = (role: string) => `${usage(role)}
      alter role ${role} connection limit 1; grant all on all tables in schema public to ${role}`;
    await withRole(testDatabase, grants, async ({ role, url, asRole }) => {
      const endSessions = () => testDatabase.sql`
        select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = ${role}`;
      const loader = await openLoginLoader(asRole);
      await endSessions();
      const other = postgres(url, { max: 1 });
      await other`select 1`;
      // The first may meet the connection that was ended.
      await loader.load(loginMessages(3)).catch(() => {});
      expect(await failureOf(loader.load(loginMessages(3)))).toMatchObject({
        ...{ kind: "unavailable", operation: "connect", code: "53300", retryable: true },
      });
      await endSessions();
      await other.end({ timeout: 0 });
      expect(await loader.load(loginMessages(3))).toMatchObject({ inserted: 3 });
    });
  });

  test("an administrator makes it read only, and then not", async () => {
    const { name, sql } = testDatabase;
    await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    const reader = openUrl(testDatabase.url);
    const loader = await openLoginLoader(database);
    const readerSink = await openLoginLoader(reader);
    const failure = await failureOf(readerSink.load(loginMessages(3)));
    expect(failure).toMatchObject({ kind: "unavailable", code: "25006", retryable: true });
    expect(failure.hint).toContain("default_transaction_read_only");
    expect(await loader.load(loginMessages(3))).toMatchObject({ inserted: 3 });
    await sql.unsafe(`alter database ${name} reset all`);
    expect(await readerSink.load(loginMessages(6))).toMatchObject({ inserted: 3, duplicates: 3 });
    reader.close();
  });

  test("it has become a standby; loads go on once it is a primary again", async () => {
    const server = await startServer();
    const home = await createDatabase(server);
    const client = openUrl(home.url);
    await migrate(client, userLogins, "user_logins");
    const loader = await openLoginLoader(client);
    await loader.load(loginMessages(3));
    // A crash makes the server start again, and it then finds that it is to be a standby.
    const [folder] =
      await home.sql`select current_setting('data_directory') as path, pg_backend_pid() as pid`;
    await home.sql.unsafe(`copy (select) to '${folder?.path}/standby.signal'`);
    process.kill(folder?.pid, "SIGKILL");
    const recovery = async () => (await home.sql`select pg_is_in_recovery() as on`.catch(() => []))[0]?.on;
    while ((await recovery()) !== true) await Bun.sleep(20);
    const codes = new Set<string | undefined>();
    while (!codes.has("25006")) {
      const failure = await failureOf(loader.load(loginMessages(3, 4)));
      expect(failure).toMatchObject({ kind: "unavailable", retryable: true });
      codes.add(failure.code);
    }
    await home.sql`select pg_promote()`;
    const known = { inserted: 3, duplicates: 3, leftOut: 0, rejections: [] };
    expect(await loader.load(loginMessages(6))).toEqual(known);
    expect(await stored(home.sql)).toEqual({ rows: 6, entries: 6 });
    client.close();
    await home.drop();
    await server.stop();
  }, 20_000);
});
