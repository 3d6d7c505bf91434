import { describe, expect, test } from "bun:test";
import { userLogins } from "../../../src/message/mapping.ts";
import type { MappedMessage } from "../../../src/message/message.ts";
import { readTable } from "../../../src/postgres/catalog.ts";
import type { Database } from "../../../src/postgres/connect.ts";
import { openRowCheck } from "../../../src/postgres/row-check.ts";
import { openLoginLoader } from "../../support/postgres-database.ts";
import { migratedDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { loginMessage } from "../../support/postgres-messages.ts";

const { testDatabase, database } = await migratedDatabase();

type Changes = Parameters<typeof loginMessage>[1];

const columns = `(user_id text, device_type text, masked_ip text, masked_device_id text, locale text, app_version integer,
  create_date date)`;
const again = (rest: string) => ["drop table user_logins", `create table user_logins ${columns} ${rest}`];

const open = async (as: Database = database) =>
  await openRowCheck(as, await readTable(as, "user_logins"), userLogins);

/** Each message's judgement, with a word for what is fine. */
async function judged(messages: readonly MappedMessage[], as: Database = database): Promise<unknown[]> {
  const check = await open(as);
  const judgements = await check.judge(messages.flatMap(({ rows }) => rows));
  return judgements.map((one) => (one.kind === "refused" ? one.fault : one.kind));
}

/** What a load makes of each message, in the same words, but for the column, which Postgres does not name everywhere. */
async function loaded(messages: readonly MappedMessage[]): Promise<unknown[]> {
  const fates = await (await openLoginLoader(database)).loader.load(messages);
  return fates.map((fate) => {
    if (fate.kind === "postponed") return "no partition";
    if (fate.kind !== "rejected") return "fits";
    const { reason, constraint } = fate.rejection;
    return { code: reason.replace("sqlstate_", ""), ...(constraint && { constraint }) };
  });
}

const withoutColumn = (judgement: unknown) => {
  if (typeof judgement !== "object") return judgement;
  const { column: _, ...rest } = judgement as { readonly column?: string };
  return rest;
};

const domain = (rest: string) => [
  `create domain device as text ${rest}`,
  "alter table user_logins alter device_type type device",
];

/** A table, a row that it refuses, and what a dry run says of that row. */
const refusals: readonly [what: string, table: readonly string[], bad: Changes, says: unknown][] = [
  [
    "a value outside of an enum",
    [
      "create type device as enum ('android', 'ios')",
      "alter table user_logins alter device_type type device using device_type::device",
    ],
    { 1: "toaster" },
    { code: "22P02", column: "device_type" },
  ],
  [
    "a value that a domain's check refuses",
    domain("constraint known check (value in ('android', 'ios'))"),
    { 1: "toaster" },
    { code: "23514", constraint: "known", column: "device_type" },
  ],
  [
    "a value that the domain behind a domain refuses",
    [
      "create domain inner_one as varchar(20) constraint inner_known check (value <> 'toaster')",
      "create domain outer_one as inner_one constraint outer_known check (length(value) > 1)",
      "alter table user_logins alter device_type type outer_one",
    ],
    { 1: "toaster" },
    { code: "23514", constraint: "inner_known", column: "device_type" },
  ],
  [
    "a number outside of its column's range",
    ["alter table user_logins alter app_version type numeric(6)"],
    { 5: "1234567" },
    { code: "22003", column: "app_version" },
  ],
  [
    "a row that a check constraint refuses",
    ["alter table user_logins add constraint short check (length(user_id) < 12)"],
    { 0: "a-long-user-id" },
    { code: "23514", constraint: "short", column: "user_id" },
  ],
  [
    "a row that a check over a default and a generated column refuses",
    [
      "alter table user_logins add site text default 'eu', add long boolean generated always as (length(user_id) > 12) stored",
      "alter table user_logins add constraint fair check (site = 'eu' and not long)",
    ],
    { 0: "a-long-user-id" },
    { code: "23514", constraint: "fair" },
  ],
  [
    "the first by name of two checks",
    [
      "alter table user_logins add constraint b check (device_type <> 'toaster')",
      "alter table user_logins add constraint a check (device_type not like 'to%')",
    ],
    { 1: "toaster" },
    { code: "23514", constraint: "a", column: "device_type" },
  ],
  [
    "a row whose foreign key leads nowhere",
    [
      "create table device (kind varchar(32) primary key)",
      "insert into device values ('android')",
      "alter table user_logins add constraint of_device foreign key (device_type) references device",
    ],
    { 1: "toaster" },
    { code: "23503", constraint: "of_device", column: "device_type" },
  ],
  [
    "a foreign key that is checked at the commit, over two columns of which one may be null",
    [
      "create table device (kind text, place text, unique (kind, place))",
      "insert into device values ('android', 'RU')",
      `alter table user_logins add constraint of_device foreign key (device_type, locale)
         references device (kind, place) match full deferrable initially deferred`,
    ],
    { 4: null },
    { code: "23503", constraint: "of_device" },
  ],
  [
    "a key that the table has already",
    [
      "insert into user_logins (user_id) values ('taken')",
      "create unique index of_user on user_logins (user_id)",
    ],
    { 0: "taken" },
    { code: "23505", constraint: "of_user", column: "user_id" },
  ],
  [
    "a null that the table has already, where nulls are equal",
    [
      "insert into user_logins (user_id) values ('first')",
      "create unique index of_locale on user_logins (user_id, locale) nulls not distinct",
    ],
    { 0: "first", 4: null },
    { code: "23505", constraint: "of_locale" },
  ],
  [
    "a day without a partition",
    [
      ...again("partition by range (create_date)"),
      "create table january partition of user_logins for values from ('2026-01-01') to ('2026-02-01')",
    ],
    { 6: "2025-12-31" },
    "no partition",
  ],
  [
    "a value for which a partition has no partition of its own",
    [
      ...again("partition by range (create_date)"),
      "create table january partition of user_logins for values from ('2026-01-01') to ('2026-02-01') partition by list (device_type)",
      "create table android partition of january for values in ('android')",
    ],
    { 1: "toaster" },
    "no partition",
  ],
];

describe("a dry run's check and a load agree on", () => {
  for (const [what, table, bad, says] of refusals) {
    test(what, async () => {
      for (const statement of table) await testDatabase.sql.unsafe(statement);
      const batch = [loginMessage(1), loginMessage(2, bad), loginMessage(3), loginMessage(4, bad)];
      const found = await judged(batch);
      expect(found).toEqual(["fits", says, "fits", says]);
      expect((await open()).unknown).toEqual([]);
      expect(await loaded(batch)).toEqual(found.map(withoutColumn));
    });
  }

  test("what fits a hash, and a default partition", async () => {
    for (const statement of [
      ...again("partition by list (device_type)"),
      "create table others partition of user_logins default partition by hash (user_id)",
      "create table even partition of others for values with (modulus 2, remainder 0)",
    ])
      await testDatabase.sql.unsafe(statement);
    const batch = Array.from({ length: 20 }, (_, index) => loginMessage(index));
    const found = await judged(batch);
    expect(new Set(found)).toEqual(new Set(["fits", "no partition"]));
    expect(await loaded(batch)).toEqual(found);
  });
});

test("what a write alone can tell is named, and holds against no row", async () => {
  await testDatabase.sql.unsafe(`
    alter table user_logins add unique (masked_ip);
    create function roll() returns boolean language plpgsql as 'begin return random() < 2; end';
    create domain device as varchar(32) constraint rolled check (roll());
    alter table user_logins add id uuid default gen_random_uuid(), add parent text,
      alter device_type type device,
      add constraint diced check (roll()),
      add constraint of_id check (id is not null),
      add constraint itself foreign key (user_id) references user_logins (masked_ip);
    create function audit() returns trigger language plpgsql as 'begin return null; end';
    create trigger later after insert on user_logins for each row execute function audit()`);
  const check = await open();
  expect(check.unknown).toEqual([
    "trigger later",
    "check constraint rolled",
    "check constraint diced",
    "check constraint of_id",
    "foreign key itself",
  ]);
  expect(await judged([loginMessage(1)])).toEqual(["fits"]);
});

test("behind a trigger that may change the row, only types are certain", async () => {
  await testDatabase.sql.unsafe(`
    alter table user_logins add constraint short check (length(user_id) < 3);
    create function trim_it() returns trigger language plpgsql as 'begin new.user_id := ''u''; return new; end';
    create trigger trim_it before insert on user_logins for each row execute function trim_it()`);
  expect((await open()).unknown).toEqual(["trigger trim_it", "check constraint short"]);
  const batch = [loginMessage(1), loginMessage(2, { 5: "2147483648" })];
  const found = await judged(batch);
  expect(found).toEqual(["fits", { code: "22003", column: "app_version" }]);
  expect(await loaded(batch)).toEqual(found.map(withoutColumn));
});

test("a check that writes changes nothing, and is held against no row", async () => {
  await testDatabase.sql.unsafe(`
    create table seen (user_id text);
    create function see(text) returns boolean language plpgsql as
      'begin insert into seen values ($1); return false; end';
    create function look(text) returns boolean language sql stable as 'select see($1)';
    alter table user_logins add constraint seen check (look(user_id))`);
  expect(await judged([loginMessage(1)])).toEqual(["unknown"]);
  expect((await testDatabase.sql`select from seen`).length).toBe(0);
});

test("a user who may only look is asked for no more, and what cannot be read is named", async () => {
  await testDatabase.sql.unsafe(`
    create table device (kind varchar(32) primary key);
    alter table user_logins add constraint of_device foreign key (device_type) references device;
    create unique index of_user on user_logins (user_id)`);
  await withRole(testDatabase, usage, async ({ asRole }) => {
    expect((await open(asRole)).unknown).toEqual(["unique index of_user", "foreign key of_device"]);
    expect(await judged([loginMessage(1), loginMessage(2, { 5: "x" })], asRole)).toEqual([
      "fits",
      { code: "22P02", column: "app_version" },
    ]);
  });
});
