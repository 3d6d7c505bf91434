import { beforeEach, describe, expect, test } from "bun:test";
import { userLogins } from "../../../src/message/mapping.ts";
import { columnLimits, readTable } from "../../../src/postgres/catalog.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { checkTable } from "../../../src/postgres/table-check.ts";
import { failureOf, openLoginLoader } from "../../support/postgres-database.ts";
import { emptyDatabase } from "../../support/postgres-file.ts";
import { loginMessages } from "../../support/postgres-messages.ts";

const { testDatabase, database } = await emptyDatabase();

beforeEach(async () => {
  await testDatabase.sql.unsafe("drop schema if exists sales cascade");
});

const run = (statement: string) => testDatabase.sql.unsafe(statement);

async function check(statement = "select 1", table = "user_logins") {
  await migrate(database, userLogins, table);
  await run(statement);
  checkTable(await readTable(database, table), userLogins, "hmac");
}

describe("a table that fits", () => {
  test("is the one that the migration makes, with its limits", async () => {
    await check();
    const limits = columnLimits(await readTable(database, "user_logins"));
    expect(Object.fromEntries(limits)).toEqual({
      user_id: { maxCharacters: 128, nullable: true },
      device_type: { maxCharacters: 32, nullable: true },
      masked_ip: { maxCharacters: 256, nullable: true },
      masked_device_id: { maxCharacters: 256, nullable: true },
      locale: { maxCharacters: 32, nullable: true },
      app_version: { nullable: true },
      create_date: { nullable: true },
    });
  });

  test("may have other types that hold the same, and columns that fill themselves", async () => {
    await check(`
      create domain short as varchar(20) not null;
      create domain shorter as short;
      create type device as enum ('android', 'ios');
      alter table user_logins
        alter user_id type shorter,
        alter device_type type device using device_type::device,
        alter masked_ip type char(80),
        alter masked_device_id type text,
        alter app_version type numeric(20),
        alter create_date type timestamp(0),
        add id bigint generated always as identity,
        add loaded_at timestamptz not null default now(),
        add twice bigint generated always as (app_version * 2) stored,
        add note text`);
    const table = await readTable(database, "user_logins");
    const limits = columnLimits(table);
    expect(limits.get("user_id")).toEqual({ maxCharacters: 20, nullable: false });
    expect(limits.get("masked_ip")).toEqual({ maxCharacters: 80, nullable: true });
    expect(limits.get("masked_device_id")).toEqual({ nullable: true });
    const loader = await openLoginLoader(database);
    const all = { inserted: 3, duplicates: 0, leftOut: 0, rejections: [] };
    expect(await loader.load(loginMessages(3))).toEqual(all);
    const rows = await run(
      "select user_id::text, app_version::text, create_date::text from user_logins limit 1",
    );
    expect({ ...rows[0] }).toEqual({
      user_id: "user-1",
      app_version: "131840",
      create_date: "2026-01-02 00:00:00",
    });
  });

  test("may be partitioned", async () => {
    await run(`
      create table user_logins (user_id text, device_type text, masked_ip text, masked_device_id text, locale text,
        app_version integer, create_date date) partition by range (create_date)`);
    await check();
  });

  test("says that it is unlogged", async () => {
    await check("alter table user_logins set unlogged");
    expect((await readTable(database, "user_logins")).unlogged).toBe(true);
  });
});

describe("a table that does not fit", () => {
  const cases: [string, string, string][] = [
    ["a column is missing", "alter table user_logins drop locale", "no column locale"],
    ["a text column is a uuid", "alter table user_logins alter user_id type uuid using null", "user_id"],
    ["a wide version is a smallint", "alter table user_logins alter app_version type smallint", "smallint"],
    ["a version is a text", "alter table user_logins alter app_version type text", "app_version"],
    [
      "a version is rounded",
      "alter table user_logins alter app_version type numeric(5, -2)",
      "numeric(5,-2)",
    ],
    [
      "a day is a moment",
      "alter table user_logins alter create_date type timestamptz",
      "timestamp with time zone",
    ],
    ["a mask is too long", "alter table user_logins alter masked_ip type varchar(77)", "77 characters"],
    [
      "a mask is an enum",
      "create type e as enum ('a'); alter table user_logins alter masked_ip type e using null",
      "masked_ip",
    ],
    [
      "a mapped column is generated",
      "alter table user_logins drop locale; alter table user_logins add locale text generated always as ('x') stored",
      "locale",
    ],
    [
      "a mapped column is an identity",
      "alter table user_logins drop app_version; alter table user_logins add app_version int generated always as identity",
      "app_version",
    ],
    ["a column must be filled and is not", "alter table user_logins add region text not null", "region"],
  ];
  for (const [name, statement, named] of cases) {
    test(name, async () => {
      const failure = await failureOf(check(statement));
      expect(failure).toMatchObject({ kind: "config", retryable: false });
      expect(failure.message).toContain(named);
      expect(failure.hint).not.toBeUndefined();
    });
  }

  test("the check's own advice mends it", async () => {
    for (const statement of [
      "alter table user_logins drop locale",
      "alter table user_logins alter masked_ip type varchar(9)",
    ]) {
      const failure = await failureOf(check(statement));
      await run(failure.hint ?? "");
      await check();
    }
  });

  test("there is none", async () => {
    expect(await failureOf(readTable(database, "user_logins"))).toMatchObject({
      kind: "config",
      hint: "etl migrate --table user_logins",
    });
    expect((await failureOf(readTable(database, '"Joe\'s logins"'))).hint).toBe(
      `etl migrate --table '"Joe'\\''s logins"'`,
    );
    expect(await failureOf(readTable(database, "nowhere.user_logins"))).toMatchObject({ kind: "config" });
  });

  test("it is a view", async () => {
    await run("create view user_logins as select 1 as a");
    expect((await failureOf(readTable(database, "user_logins"))).message).toContain("view");
  });
});
