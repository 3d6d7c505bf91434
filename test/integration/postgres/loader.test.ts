import { beforeEach, describe, expect, test } from "bun:test";
import { readTable } from "../../../src/postgres/catalog.ts";
import { openDatabase } from "../../../src/postgres/connect.ts";
import { loadGrantStatements, registerQueue } from "../../../src/postgres/ledger.ts";
import { commitUnknown } from "../../../src/processing/outcome.ts";
import { serverPort } from "../../support/postgres.ts";
import {
  type CountingLoader,
  failureOf,
  openLoginLoader,
  openUrl,
  settingsOf,
} from "../../support/postgres-database.ts";
import { migratedDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { loginMessage, loginMessages } from "../../support/postgres-messages.ts";
import { startPostgresProxy } from "../../support/postgres-proxy.ts";

const { testDatabase, database } = await migratedDatabase();
let loader: CountingLoader;
/** No row was left out, no message rejected. */
const nothingElse = { leftOut: 0, rejections: [] };

beforeEach(async () => {
  loader = await openLoginLoader(database);
});

async function counts(): Promise<{ rows: number; distinct: number; entries: number }> {
  const [row] = await testDatabase.sql`
    select (select count(*) from user_logins)::int as rows,
           (select count(distinct user_id) from user_logins)::int as distinct,
           (select count(*) from etl_ledger)::int as entries`;
  return { rows: row?.rows, distinct: row?.distinct, entries: row?.entries };
}

describe("exactly once", () => {
  test("stores the rows as they are, and dates and integers exactly", async () => {
    const hostile = `'; drop table user_logins; -- "\\{},NULL\n\u2028😀<&>`;
    const result = await loader.load([
      loginMessage(1, { 0: hostile, 4: null, 5: "2147483647", 6: "2024-02-29" }),
      loginMessage(2, { 0: "NULL", 1: "", 5: "-2147483648", 6: "0001-01-01" }),
    ]);
    expect(result).toEqual({ inserted: 2, duplicates: 0, ...nothingElse });
    const rows = await testDatabase.sql`
      select user_id, device_type, masked_ip, locale, app_version, create_date::text as create_date
      from user_logins order by masked_ip`;
    expect([...rows]).toEqual([
      {
        user_id: hostile,
        device_type: "android",
        masked_ip: "hmac:0badcafe:1",
        locale: null,
        app_version: 2147483647,
        create_date: "2024-02-29",
      },
      {
        user_id: "NULL",
        device_type: "",
        masked_ip: "hmac:0badcafe:2",
        locale: "RU",
        app_version: -2147483648,
        create_date: "0001-01-01",
      },
    ]);
  });

  test("keeps the time of sending to the millisecond", async () => {
    await loader.load([loginMessage(1)]);
    const [entry] = await testDatabase.sql`
      select extract(epoch from sent_at) * 1000 = ${loginMessage(1).ref.sentAtMillis} as exact, message_id
      from etl_ledger`;
    expect(entry).toEqual({ exact: true, message_id: loginMessage(1).ref.messageId });
  });

  test("counts a batch that comes again as duplicates", async () => {
    const batch = loginMessages(20);
    expect(await loader.load(batch)).toEqual({ inserted: 20, duplicates: 0, ...nothingElse });
    expect(await loader.load(batch)).toEqual({ inserted: 0, duplicates: 20, ...nothingElse });
    expect(await loader.load(loginMessages(20, 11))).toEqual({
      inserted: 10,
      duplicates: 10,
      ...nothingElse,
    });
    expect(await counts()).toEqual({ rows: 30, distinct: 30, entries: 30 });
  });

  test("takes ids that are no UUIDs, and tells them apart", async () => {
    const withId = (number: number, messageId: string) => {
      const message = loginMessage(number);
      return { ...message, ref: { ...message.ref, messageId, sentAtMillis: 0 } };
    };
    const batch = [
      withId(1, "a"),
      withId(2, "A"),
      withId(3, 'é"\\,{}'),
      withId(4, loginMessage(4).ref.messageId),
    ];
    expect(await loader.load(batch)).toEqual({ inserted: 4, duplicates: 0, ...nothingElse });
    expect(await loader.load(batch)).toEqual({ inserted: 0, duplicates: 4, ...nothingElse });
  });

  test("keeps two queues' messages apart, and one queue's together", async () => {
    const batch = loginMessages(3);
    const other = await openLoginLoader(database, "arn:aws:sqs:eu-west-1:000000000000:other");
    const same = await openLoginLoader(database);
    await loader.load(batch);
    expect(await other.load(batch)).toMatchObject({ inserted: 3 });
    expect(await same.load(batch)).toMatchObject({ inserted: 0, duplicates: 3 });
  });

  test("stores no message twice, and never deadlocks, when two load the same ones at once", async () => {
    const second = openUrl(testDatabase.url);
    const loaders = [loader, await openLoginLoader(second)];
    const shuffled = (seed: number) =>
      loginMessages(60).sort(
        (a, b) => ((a.ref.sentAtMillis * seed) % 61) - ((b.ref.sentAtMillis * seed) % 61),
      );
    let inserted = 0;
    for (let round = 0; round < 60; round += 1) {
      await testDatabase.sql`truncate user_logins, etl_ledger`;
      const results = await Promise.all(
        loaders.map((each, index) => each.load(shuffled(7 + 13 * index + round))),
      );
      for (const result of results) inserted += result.inserted;
      expect(await counts()).toEqual({ rows: 60, distinct: 60, entries: 60 });
    }
    expect(inserted).toBe(60 * 60);
    second.close();
  });

  for (const kind of ["good", "bad"] as const) {
    test(`takes locks in one order, whatever order the messages come in (${kind} rows)`, async () => {
      await testDatabase.sql.unsafe(`
        create function linger() returns trigger language plpgsql as $$
          begin perform pg_sleep(0.01); return new; end $$;
        create trigger linger before insert on etl_ledger for each row execute function linger()`);
      const second = openUrl(testDatabase.url);
      const other = await openLoginLoader(second);
      const last = loginMessage(10, kind === "good" ? {} : { 1: "x".repeat(33) });
      const batch = loginMessages(10).with(9, last);
      const results = await Promise.all([loader.load(batch), other.load(batch.toReversed())]);
      const inserted = results.map((result) => result.inserted).sort((a, b) => a - b);
      expect(inserted).toEqual([0, kind === "good" ? 10 : 9]);
      second.close();
    });
  }

  test("loads nothing of an empty batch", async () => {
    expect(await loader.load([])).toEqual({ inserted: 0, duplicates: 0, ...nothingElse });
  });
});

describe("a commit whose answer is lost", () => {
  for (const fault of ["cut", "swallow-answer"] as const) {
    test(`is safe to load again, and of a read it is a lost connection (${fault})`, async () => {
      const proxy = await startPostgresProxy(await serverPort());
      const settings = { ...settingsOf(testDatabase.url), port: proxy.port };
      const deadlines = { connectTimeoutMillis: 5_000, statementTimeoutMillis: 500 };
      const fragile = openDatabase(settings, deadlines);
      const fragileLoader = await openLoginLoader(fragile);
      proxy.fault = fault;
      const failure = await failureOf(fragileLoader.load([loginMessage(1)]));
      expect(failure).toMatchObject({ kind: "unavailable", operation: "load", retryable: true });
      expect(failure.code).toBe(commitUnknown);
      const read = await failureOf(readTable(fragile, "user_logins"));
      expect(read).toMatchObject({ kind: "unavailable", operation: "read table", retryable: true });
      expect(read.code).toBe(fault === "cut" ? "CONNECTION_CLOSED" : undefined);
      proxy.fault = "none";
      expect(await fragileLoader.load([loginMessage(1)])).toEqual({
        inserted: 0,
        duplicates: 1,
        ...nothingElse,
      });
      expect(await counts()).toEqual({ rows: 1, distinct: 1, entries: 1 });
      fragile.close();
      await proxy.stop();
    });
  }
});

describe("a role with other defaults", () => {
  for (const isolation of ["repeatable read", "serializable"]) {
    test(`${isolation} does not make two loads at once fail`, async () => {
      await testDatabase.sql.unsafe(`
        alter database ${testDatabase.name} set default_transaction_isolation = '${isolation}'`);
      const pair = [openUrl(testDatabase.url), openUrl(testDatabase.url)];
      const loaders = await Promise.all(pair.map((each) => openLoginLoader(each)));
      for (let round = 0; round < 20; round += 1) {
        const batch = loginMessages(30, round * 30);
        const results = await Promise.all(loaders.map((each) => each.load(batch)));
        expect(results.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(30);
      }
      for (const each of pair) each.close();
      await testDatabase.sql.unsafe(`alter database ${testDatabase.name} reset all`);
    });
  }

  test("synchronous_commit = off does not hold for a load", async () => {
    await testDatabase.sql.unsafe(`alter database ${testDatabase.name} set synchronous_commit = off`);
    await testDatabase.sql.unsafe(`
      create table seen (setting text);
      create function see() returns trigger language plpgsql as $$
        begin
          insert into seen values (current_setting('synchronous_commit'));
          return new;
        end $$;
      create trigger see before insert on user_logins for each row execute function see()`);
    const fresh = openUrl(testDatabase.url);
    await (await openLoginLoader(fresh)).load([loginMessage(1)]);
    expect([...(await testDatabase.sql`select setting from seen`)]).toEqual([{ setting: "on" }]);
    fresh.close();
    await testDatabase.sql.unsafe(`alter database ${testDatabase.name} reset all`);
  });
});

describe("a table that swallows rows", () => {
  test("a trigger that returns null ends the run, and nothing is stored", async () => {
    await testDatabase.sql.unsafe(`
      create function swallow() returns trigger language plpgsql as $$
        begin return case when new.user_id = 'user-2' then null else new end; end $$;
      create trigger swallow before insert on user_logins for each row execute function swallow()`);
    const failure = await failureOf(loader.load(loginMessages(3)));
    expect(failure).toMatchObject({ kind: "config", retryable: false });
    expect(failure.message).toContain("trigger on public.user_logins swallows rows");
    expect(await counts()).toEqual({ rows: 0, distinct: 0, entries: 0 });
  });

  test("a rule that does something else ends the run, and nothing is stored", async () => {
    await testDatabase.sql.unsafe("create rule elsewhere as on insert to user_logins do instead nothing");
    const failure = await failureOf(loader.load(loginMessages(3)));
    expect(failure).toMatchObject({ kind: "config", code: "0A000", retryable: false });
    expect(await counts()).toEqual({ rows: 0, distinct: 0, entries: 0 });
  });
});

test("registering a queue at once from several sides gives it one number", async () => {
  const arn = "arn:aws:sqs:eu-west-1:000000000000:contended";
  const several = Array.from({ length: 4 }, () => openUrl(testDatabase.url));
  const table = { schema: "public", sqlName: "public.user_logins" };
  const numbers = await Promise.all(
    several.map((each) => registerQueue(each, table, { arn, retentionSeconds: 345_600 }, table)),
  );
  expect(new Set(numbers).size).toBe(1);
  for (const each of several) each.close();
});

test("without a ledger, says how to make one", async () => {
  await testDatabase.sql.unsafe("drop table etl_ledger");
  expect(await failureOf(openLoginLoader(database))).toMatchObject({
    kind: "config",
    hint: "etl migrate --table public.user_logins",
  });
  const table = { schema: "public", sqlName: "public.user_logins" };
  const queue = { arn: "arn:aws:sqs:eu-west-1:000000000000:elsewhere", retentionSeconds: 345_600 };
  const elsewhere = await failureOf(registerQueue(database, { schema: "own tables" }, queue, table));
  expect(elsewhere.hint).toBe("etl migrate --table public.user_logins --ledger-schema 'own tables'");
});

test("a role that may not connect, or whose rows a policy refuses, is told so", async () => {
  const grants = (role: string) => `${usage(role)}
    grant all on all tables in schema public to ${role};
    revoke connect on database ${testDatabase.name} from public;
    alter table user_logins enable row level security`;
  await withRole(testDatabase, grants, async ({ asRole }) => {
    const unwelcome = await failureOf(openLoginLoader(asRole));
    expect(unwelcome).toMatchObject({ kind: "permission", code: "42501", retryable: false });
    expect(unwelcome.message).toContain(`may not connect to the database ${testDatabase.name}`);
    await testDatabase.sql.unsafe(unwelcome.hint ?? "");

    const loader = await openLoginLoader(asRole);
    const refused = await failureOf(loader.load(loginMessages(3)));
    expect(refused).toMatchObject({ kind: "permission", code: "42501", retryable: false });
    expect(refused.hint).toContain("policy");
    await testDatabase.sql.unsafe("create policy all_rows on user_logins using (true)");
    expect(await loader.load(loginMessages(3))).toMatchObject({ inserted: 3 });
  });
  await testDatabase.sql.unsafe(`grant connect on database ${testDatabase.name} to public`);
});

test("a role that may only load can load, and one that may not is told how to see what to grant", async () => {
  const table = { schema: "public", sqlName: "public.user_logins" };
  await withRole(testDatabase, usage, async ({ role, asRole }) => {
    const failure = await failureOf(openLoginLoader(asRole));
    expect(failure).toMatchObject({ kind: "permission", code: "42501", retryable: false });
    expect(failure.hint).toStartWith("etl doctor --grants --table public.user_logins");
    await testDatabase.sql.unsafe(loadGrantStatements(table, role, { table }).join(";"));
    const loader = await openLoginLoader(asRole);
    expect(await loader.load(loginMessages(2))).toMatchObject({ inserted: 2 });
    expect(await loader.load([loginMessage(3, { 1: "x".repeat(33) }), loginMessage(4)])).toMatchObject({
      inserted: 1,
      rejections: [{ reason: "sqlstate_22001" }],
    });
  });
});
