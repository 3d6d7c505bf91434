import { describe, expect, test } from "bun:test";
import type { MappedMessage } from "../../../src/message/message.ts";
import { openDatabase } from "../../../src/postgres/connect.ts";
import { serverPort } from "../../support/postgres.ts";
import {
  type CountingLoader,
  failureOf,
  openLoginLoader,
  openUrl,
  settingsOf,
} from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { loginMessage, loginMessages } from "../../support/postgres-messages.ts";
import { startPostgresProxy } from "../../support/postgres-proxy.ts";

const { testDatabase, database } = await migratedDatabase();
let loader: CountingLoader;

async function withTable(...statements: string[]): Promise<void> {
  for (const statement of statements) await testDatabase.sql.unsafe(statement);
  loader = await openLoginLoader(database);
}

async function storedUsers(): Promise<string[]> {
  const rows = await testDatabase.sql`select user_id from user_logins order by user_id`;
  return rows.map((row) => row.user_id as string);
}

/** Twenty good messages with the given ones put in their places. */
function batchWith(...bad: MappedMessage[]): MappedMessage[] {
  const places = new Map(bad.map((message) => [message.ref.messageId, message]));
  return loginMessages(20).map((message) => places.get(message.ref.messageId) ?? message);
}

/** A trigger that runs this for each toaster. */
function trigger(body: string): string[] {
  return [
    `create function object() returns trigger language plpgsql as $$
       begin if new.device_type = 'toaster' then ${body}; end if; return new; end $$`,
    "create trigger object before insert on user_logins for each row execute function object()",
  ];
}

const cases: {
  name: string;
  table: string[];
  bad: Parameters<typeof loginMessage>[1];
  code: string;
  column?: string;
  constraint?: string;
}[] = [
  { name: "a text too long for varchar", table: [], bad: { 1: "x".repeat(33) }, code: "22001" },
  {
    name: "a text too long for a domain over varchar",
    table: ["create domain device as varchar(10)", "alter table user_logins alter device_type type device"],
    bad: { 1: "x".repeat(11) },
    code: "22001",
  },
  {
    name: "a null where none may be",
    table: ["alter table user_logins alter device_type set not null"],
    bad: { 1: null },
    code: "23502",
    column: "device_type",
  },
  {
    name: "a value outside of an enum",
    table: [
      "create type device as enum ('android', 'ios')",
      "alter table user_logins alter device_type type device using device_type::device",
    ],
    bad: { 1: "toaster" },
    code: "22P02",
  },
  {
    name: "a value that a check refuses",
    table: ["alter table user_logins add constraint known_device check (device_type <> 'toaster')"],
    bad: { 1: "toaster" },
    code: "23514",
    constraint: "known_device",
  },
  {
    name: "a value that a domain's check refuses",
    table: [
      "create domain device as text constraint no_toaster check (value <> 'toaster')",
      "alter table user_logins alter device_type type device",
    ],
    bad: { 1: "toaster" },
    code: "23514",
    constraint: "no_toaster",
  },
  {
    name: "a value that is there already",
    table: ["alter table user_logins add constraint one_user unique (user_id)"],
    bad: { 0: "user-1" },
    code: "23505",
    constraint: "one_user",
  },
  {
    name: "a constraint that is checked at the commit",
    table: ["alter table user_logins add constraint late unique (user_id) deferrable initially deferred"],
    bad: { 0: "user-1" },
    code: "23505",
    constraint: "late",
  },
  {
    name: "a key that points nowhere",
    table: [
      "create table device (name text primary key)",
      "insert into device values ('android')",
      "alter table user_logins add constraint known foreign key (device_type) references device",
    ],
    bad: { 1: "toaster" },
    code: "23503",
    constraint: "known",
  },
  {
    name: "an exception of a trigger",
    table: trigger("raise exception 'no toasters: %', new.user_id"),
    bad: { 1: "toaster" },
    code: "P0001",
  },
  {
    name: "an exception of a trigger, with a code of its own",
    table: trigger("raise exception 'no toasters: %', new.user_id using errcode = '99001'"),
    bad: { 1: "toaster" },
    code: "99001",
  },
  {
    name: "an exception of a trigger, with the code of a check",
    table: trigger("raise check_violation"),
    bad: { 1: "toaster" },
    code: "23514",
  },
  { name: "an integer out of range", table: [], bad: { 5: "2147483648" }, code: "22003" },
  { name: "a day that does not exist", table: [], bad: { 6: "2026-02-30" }, code: "22008" },
  {
    name: "a value too large for an index",
    table: ["alter table user_logins alter user_id type text", "create index on user_logins (user_id)"],
    bad: {
      0: Array.from({ length: 4000 }, (_, index) => ((index * 7919) % 65521).toString(36)).join(""),
    },
    code: "54000",
  },
];

const partitions = [
  "drop table user_logins",
  `create table user_logins (user_id text, device_type varchar(32), masked_ip text, masked_device_id text, locale text,
     app_version integer, create_date date) partition by list (device_type)`,
  "create table known partition of user_logins for values in ('android', 'ios')",
];

describe("one bad row never costs a good one", () => {
  for (const { name, table, bad, code, column, constraint } of cases) {
    test(name, async () => {
      await withTable(...table);
      const result = await loader.load(batchWith(loginMessage(7, bad), loginMessage(20, bad)));
      expect(result).toEqual({
        inserted: 18,
        duplicates: 0,
        leftOut: 0,
        rejections: [7, 20].map((number) => ({
          messageId: loginMessage(number).ref.messageId,
          reason: `sqlstate_${code}`,
          path: "",
          ...(column === undefined ? {} : { column }),
          ...(constraint === undefined ? {} : { constraint }),
        })),
      });
      expect(await storedUsers()).toHaveLength(18);
      const [ledger] = await testDatabase.sql`select count(*)::int as entries from etl_ledger`;
      expect(ledger?.entries).toBe(18);
    });
  }

  test("a rejected message can be loaded once its table is mended", async () => {
    await withTable("alter table user_logins add constraint short check (length(user_id) < 10)");
    const batch = batchWith(loginMessage(7, { 0: "a-long-user-id" }));
    expect(await loader.load(batch)).toMatchObject({ inserted: 19, rejections: [{ constraint: "short" }] });
    await testDatabase.sql.unsafe("alter table user_logins drop constraint short");
    expect(await loader.load(batch)).toEqual({ inserted: 1, duplicates: 19, leftOut: 0, rejections: [] });
  });
});

test.each([1, 50])(
  "%i bad rows of 500 are found in four transactions, each of one round trip",
  async (count) => {
    const proxy = await startPostgresProxy(await serverPort());
    const far = openDatabase({ ...settingsOf(testDatabase.url), port: proxy.port });
    loader = await openLoginLoader(far);
    let commits = 0;
    proxy.onCommit = () => {
      commits += 1;
    };
    const isBad = (number: number) => (number * 7) % (500 / count) === 0;
    const batch = loginMessages(500).map((message, index) =>
      isBad(index) ? loginMessage(index + 1, { 1: "x".repeat(33) }) : message,
    );
    expect(await loader.load(batch)).toMatchObject({ inserted: 500 - count, rejections: { length: count } });
    expect(commits).toBe(4);
    far.close();
    await proxy.stop();
  },
);

describe("what may be the table's fault", () => {
  /** Tables that refuse a toaster, with this SQLSTATE. */
  const faults: [code: string, what: string, ...table: string[]][] = [
    ["42P01", "a trigger that misses its table", ...trigger("perform from missing")],
    ["42703", "a trigger that misses a column", ...trigger("perform new.missing")],
    [
      "42501",
      "a trigger that lacks a permission",
      ...trigger("set local role pg_monitor; perform from public.etl_queue"),
    ],
    ["2D000", "a trigger that commits", ...trigger("commit")],
    ["23514", "a partition that is missing", ...partitions],
  ];
  const ofRows = faults.filter(([, what]) => what !== "a partition that is missing");
  test.each(ofRows)("%s, %s: is one row's where the table takes another", async (code, _, ...table) => {
    await withTable(...(table.filter((part) => typeof part === "string") as string[]));
    const result = await loader.load(batchWith(loginMessage(7, { 1: "toaster" })));
    expect(result).toMatchObject({
      inserted: 19,
      rejections: [{ messageId: loginMessage(7).ref.messageId, reason: `sqlstate_${code}` }],
    });
    expect(await storedUsers()).toHaveLength(19);
  });

  for (const [code, what, ...table] of faults) {
    test(`${code}, ${what}: ends the run where it takes none, and rejects nothing`, async () => {
      await withTable(...table);
      const toasters = Array.from({ length: 120 }, (_, index) => loginMessage(index, { 1: "toaster" }));
      for (const count of [1, 5, 120]) {
        const failure = await failureOf(loader.load(toasters.slice(0, count)));
        expect(failure).toMatchObject({ kind: code === "42501" ? "permission" : "config", code });
        expect(failure.hint).not.toBe("");
        if (what.startsWith("a trigger that misses")) expect(failure.hint).toContain("the table's triggers");
      }
      // A row that is bad for certain is told apart from them.
      const mixed = [...toasters.slice(0, 5), loginMessage(9, { 1: "x".repeat(33) })];
      expect(await failureOf(loader.load(mixed))).toMatchObject({ code });
      expect(await storedUsers()).toEqual([]);
    });
  }
});

describe("what is no matter of one row", () => {
  test("one reason for all of fifty rows ends the run, and nothing is rejected", async () => {
    await withTable("alter table user_logins add constraint closed check (false) not valid");
    const failure = await failureOf(loader.load(loginMessages(50)));
    expect(failure).toMatchObject({ kind: "config", code: "23514", retryable: false });
    expect(failure.message).toContain("closed");
    const fewer = await loader.load(loginMessages(49));
    expect(fewer.rejections).toHaveLength(49);
  });

  test("two reasons for fifty rows reject them", async () => {
    await withTable("alter table user_logins add constraint closed check (false) not valid");
    const batch = [...loginMessages(49), loginMessage(50, { 1: "x".repeat(33) })];
    expect((await loader.load(batch)).rejections).toHaveLength(50);
  });

  test("a lock that is not given up in time is tried again later, and left behind by no session", async () => {
    await withTable();
    const hasty = openUrl(testDatabase.url, { connectTimeoutMillis: 5_000, statementTimeoutMillis: 300 });
    const hastySink = await openLoginLoader(hasty);
    await testDatabase.sql.begin(async (sql) => {
      await sql`lock table user_logins`;
      expect(await failureOf(hastySink.load(loginMessages(3)))).toMatchObject({
        kind: "temporary",
        code: "57014",
        retryable: true,
      });
    });
    expect(await hastySink.load(loginMessages(3))).toMatchObject({ inserted: 3 });
    hasty.close();
  });
});

test("no error says what a row holds", async () => {
  await withTable(
    "alter table user_logins add constraint closed check (false) not valid",
    `create function tell() returns trigger language plpgsql as $$
       begin raise exception 'secret %', new.user_id using detail = new.user_id; end $$`,
  );
  const canary = (number: number) => loginMessage(number, { 0: `canary-${number}` });
  const batch = Array.from({ length: 50 }, (_, index) => canary(index));
  const refused = await failureOf(loader.load(batch));
  await testDatabase.sql.unsafe(
    "create trigger tell before insert on user_logins for each row execute function tell()",
  );
  const told = await failureOf(loader.load(batch));
  for (const error of [refused, told]) {
    expect([error.message, error.hint, error.stack].join("\n")).not.toContain("canary");
  }
});
