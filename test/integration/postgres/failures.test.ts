import { describe, expect, test } from "bun:test";
import postgres from "postgres";
import type { ErrorKind, EtlError } from "../../../src/errors.ts";
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

/** SQLSTATEs that say that another try may do. */
const passing: [code: string, what: string, kind: ErrorKind][] = [
  ["53100", "disk full", "unavailable"],
  ["53200", "out of memory", "unavailable"],
  ["58000", "a system error", "unavailable"],
  ["58030", "failed to read or write a file", "unavailable"],
  ["57P01", "shut down by an administrator", "unavailable"],
  ["XX000", "an internal error", "unavailable"],
  ["XX001", "a damaged page", "unavailable"],
  ["08006", "a connection that failed", "unavailable"],
  ["40001", "not to be serialized", "temporary"],
  ["40P01", "deadlock", "temporary"],
  ["55P03", "a lock that is not free", "temporary"],
  ["57014", "statement time-out", "temporary"],
  ["25006", "read only", "unavailable"],
];

/** Raises it for these rows; what it says must not be seen. */
const raising = (code: string, rows: string) =>
  onInsert(`if ${rows} then
    raise exception 'canary %', new.user_id
      using errcode = '${code}', detail = 'canary', column = 'canary', constraint = new.user_id; end if`);

describe("an error that may pass, raised for", () => {
  for (const [code, what, kind] of passing) {
    test(`one row of a batch, costs no other: ${code}, ${what}`, async () => {
      const loader = await openLoginLoader(database);
      await raising(code, "new.user_id = 'user-7'");
      const { unsettled = [], ...counts } = await loader.load(loginMessages(40));
      expect(counts).toEqual({ inserted: 39, duplicates: 0, leftOut: 0, rejections: [] });
      const { messageId } = loginMessage(7).ref;
      const rejection = { messageId, reason: `sqlstate_${code}` as const, path: "" };
      expect(unsettled).toEqual([
        {
          ...{ kind: "unsettled", mayBeStored: false, alone: { besideStored: true, rejection } },
          error: expect.objectContaining({ kind, retryable: true, code, operation: "load" }),
        },
      ]);
      for (const { error } of unsettled as readonly { error: EtlError }[])
        expect([error.message, error.hint, error.stack].join("\n")).not.toMatch(/canary|user-7/);
      expect(await stored()).toEqual({ rows: 39, entries: 39 });

      // Among bad rows it is told apart from them.
      const withBadRow = [loginMessage(7), loginMessage(41, { 1: "x".repeat(33) }), loginMessage(42)];
      expect(await loader.load(withBadRow)).toMatchObject({
        ...{ inserted: 1, rejections: [{ reason: "sqlstate_22001" }] },
        unsettled: [{ alone: { besideStored: true, rejection } }],
      });

      await testDatabase.sql`drop trigger act on user_logins`;
      expect(await loader.load(loginMessages(40))).toMatchObject({ inserted: 1, duplicates: 39 });
    });

    test(`every row, proves nothing against any: ${code}, ${what}`, async () => {
      const { loader } = await openLoginLoader(database);
      await raising(code, "true");
      for (const count of [1, 40]) {
        const outcomes = await loader.load(loginMessages(count));
        expect(outcomes.length).toBe(count);
        for (const outcome of outcomes)
          expect(outcome).toMatchObject({
            kind: "unsettled",
            error: { code },
            alone: { besideStored: false },
          });
      }
      expect(await stored()).toEqual({ rows: 0, entries: 0 });
    });
  }
});

describe("an error that may pass, of the server itself, for one row of a batch", () => {
  const hasty = () =>
    openUrl(testDatabase.url, { connectTimeoutMillis: 5_000, statementTimeoutMillis: 1_000 });

  test("XX000 by code that ran for the row may be the row's own", async () => {
    const loader = await openLoginLoader(database);
    await onInsert("if new.user_id = 'user-7' then perform pg_describe_object(1, 1, 0); end if");
    expect(await loader.load(loginMessages(40))).toMatchObject({
      inserted: 39,
      unsettled: [{ alone: { besideStored: true, rejection: { reason: "sqlstate_XX000" } } }],
    });
  });

  test("a limit that the server sets never speaks against the row", async () => {
    const loader = await openLoginLoader(database);
    await onInsert(`if new.user_id = 'user-7' then
      perform set_config('temp_file_limit', '1', true), set_config('work_mem', '64', true);
      perform count(*) from (select from generate_series(1, 50000) as series (number) order by number) as sorted;
    end if`);
    const { inserted, unsettled } = await loader.load(loginMessages(40));
    expect(inserted).toBe(39);
    expect(unsettled).toMatchObject([{ error: { code: "53400" }, alone: { besideStored: true } }]);
    expect(unsettled?.[0]?.alone?.rejection).toBeUndefined();
  });

  test("a statement that is too slow is not tried again row by row: fewer at a time is the caller's to decide", async () => {
    const slow = hasty();
    const { loader } = await openLoginLoader(slow);
    await onInsert("if new.user_id = 'user-7' then perform pg_sleep(60); end if");
    const late = { kind: "unsettled", error: { code: "57014" }, mayBeStored: false };
    for (const outcome of await loader.load(loginMessages(40))) {
      expect(outcome).toMatchObject({ ...late, tooManyMessages: 40 });
      expect(outcome).not.toHaveProperty("alone");
    }
    expect(await loader.load([loginMessage(7)])).toMatchObject([{ ...late, tooManyMessages: 1 }]);
    expect(await stored()).toEqual({ rows: 0, entries: 0 });
    slow.close();
  });

  test("parts that are slow together and not by themselves are waited for", async () => {
    const slow = hasty();
    const loader = await openLoginLoader(slow);
    await onInsert("perform pg_sleep(0.03)");
    // Refused before a row is stored; then each part takes 0.09 s, and all of them longer than one statement may.
    const batch = loginMessages(48).with(0, loginMessage(1, { 5: "none" }));
    expect(await loader.load(batch)).toMatchObject({
      inserted: 47,
      rejections: [{ reason: "sqlstate_22P02" }],
    });
    slow.close();
  });
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

  test("a trigger swallows a row beside a bad one: the run ends, and the ledger has no more than the table", async () => {
    const loader = await openLoginLoader(database);
    await onInsert("if new.user_id = 'user-7' then return null; end if");
    const batch = loginMessages(20).with(2, loginMessage(3, { 1: "x".repeat(33) }));
    const failure = await failureOf(loader.load(batch));
    expect(failure).toMatchObject({ kind: "config", retryable: false });
    expect(failure.message).toContain("swallows rows");
    // The good ones in parts of their own are stored, and known when they come again.
    const { rows, entries } = await stored();
    expect(entries).toBe(rows);
    await testDatabase.sql`drop trigger act on user_logins`;
    expect(await loader.load(batch)).toMatchObject({
      ...{ inserted: 19 - rows, duplicates: rows, rejections: [{ reason: "sqlstate_22001" }] },
    });
    expect(await stored()).toEqual({ rows: 19, entries: 19 });
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
