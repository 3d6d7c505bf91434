import { describe, expect, test } from "bun:test";
import type { EtlError } from "../../../src/errors.ts";
import { userLogins } from "../../../src/message/mapping.ts";
import type { MappedMessage } from "../../../src/message/message.ts";
import { readTable } from "../../../src/postgres/catalog.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { createPostgresLoader } from "../../../src/postgres/loader.ts";
import { PartitionGaps } from "../../../src/postgres/missing-partition.ts";
import type { Failed, Fate, Postponed } from "../../../src/processing/outcome.ts";
import { loginQueue, openLoginLoader } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { loginMessage } from "../../support/postgres-messages.ts";

const { testDatabase, database } = await migratedDatabase();
const run = (statement: string) => testDatabase.sql.unsafe(statement);

/** The reference job's table with a key of this type, divided by it into these partitions. */
async function divide(by: string, type: string, ...partitions: readonly string[]): Promise<void> {
  await run(`
    drop table user_logins;
    create table user_logins (user_id text, device_type text, masked_ip text, masked_device_id text, locale text,
      app_version integer, create_date ${type}) partition by ${by};
    ${partitions.map((rest, index) => `create table part_${index} partition of user_logins ${rest}`).join(";")}`);
}

const year = "for values from ('2026-01-01') to ('2100-01-01')";
const on = (number: number, day: string) => loginMessage(number, { 6: day });

let gaps: PartitionGaps;

/** Loads with what a new run knows. */
async function load(batch: readonly MappedMessage[]): Promise<readonly (Fate | Failed)[]> {
  gaps = new PartitionGaps(database, userLogins);
  return await (await openLoginLoader(database, undefined, gaps)).loader.load(batch);
}

const kinds = (fates: readonly (Fate | Failed)[]) => fates.map(({ kind }) => kind);
const postponed = (fates: readonly (Fate | Failed)[]) =>
  fates.filter((fate): fate is Postponed => fate.kind === "postponed").at(-1);

test("a late row without a partition is postponed and nothing of it is stored; the others of its batch are", async () => {
  await divide("range (create_date)", "date", year);
  const batch = [on(1, "2026-02-01"), on(2, "2025-12-30"), on(3, "2026-02-02"), on(4, "2025-11-30")];
  const fates = await load(batch);
  expect(kinds(fates)).toEqual(["stored", "postponed", "stored", "postponed"]);
  expect(postponed(fates)).toEqual({ kind: "postponed" });
  expect(gaps.error).toMatchObject({
    kind: "config",
    message:
      "public.user_logins has no partition for the rows of 2 messages (create_date 2025-11-30 to 2025-12-30, UTC): they stay in the queue",
  });
  const [ledger] = await run("select count(*)::int as entries from etl_ledger");
  expect(ledger?.entries).toBe(2);
});

describe("the statement that is printed makes what is missing", () => {
  test.each<[what: string, type: string, days: readonly string[], partitions: readonly string[]]>([
    ["a day before all", "date", ["2025-12-31"], [year]],
    [
      "days in two gaps between partitions",
      "date",
      ["2025-01-31", "2025-02-28", "2025-12-01", "2025-12-31"],
      [
        year,
        "for values from ('2025-02-01') to ('2025-02-28')",
        "for values from ('2025-06-01') to ('2025-12-01')",
      ],
    ],
    ["a day after all", "date", ["2031-05-05"], ["for values from (minvalue) to ('2031-05-05')"]],
    [
      "a day of which a part is there",
      "timestamp",
      ["2026-03-01"],
      ["for values from ('2026-03-01 12:00') to ('2100-01-01')"],
    ],
  ])("%s", async (_, type, days, partitions) => {
    await divide("range (create_date)", type, ...partitions);
    const batch = days.map((day, index) => on(index, day));
    const fates = await load(batch);
    expect(kinds(fates)).toEqual(days.map(() => "postponed"));
    await run(gaps.error?.hint ?? "");
    expect(kinds(await load(batch))).toEqual(days.map(() => "stored"));
  });

  test.each<[what: string, by: string, partitions: readonly string[]]>([
    ["a list", "list (device_type)", ["for values in ('ios')"]],
    ["a range of two columns", "range (create_date, user_id)", []],
    ["a hash, of which there is none", "hash (user_id)", []],
    ["an expression", "list (lower(device_type))", ["for values in ('ios')"]],
    [
      "a partition that is divided further",
      "range (create_date)",
      [`${year} partition by list (device_type)`],
    ],
  ])("by %s, and no value is told", async (_, by, partitions) => {
    await divide(by, "date", ...partitions);
    const batch = [loginMessage(1, { 0: "canary", 1: "canary" })];
    const fates = await load(batch);
    expect(kinds(fates)).toEqual(["postponed"]);
    expect(postponed(fates)?.suspect).toEqual(gaps.error as EtlError);
    expect(`${gaps.error?.message} ${gaps.error?.hint}`).not.toContain("canary");
    await run(gaps.error?.hint ?? "");
    expect(kinds(await load(batch))).toEqual(["stored"]);
  });
});

test("the names of the partitions that are made are told apart, however long that of the table is", async () => {
  await divide("hash (user_id)", "date", "for values with (modulus 3, remainder 0)");
  const long = "ö".repeat(31);
  await run(`alter table user_logins rename to ${long}`);
  const table = await readTable(database, long);
  const queueId = await registerQueue(database, table, loginQueue, table);
  gaps = new PartitionGaps(database, userLogins);
  const loader = createPostgresLoader(database, { table, mapping: userLogins, ledger: table, queueId, gaps });
  const batch = Array.from({ length: 30 }, (_, index) => loginMessage(index));
  await loader.load(batch);
  await run(gaps.error?.hint ?? "");
  expect(new Set(kinds(await loader.load(batch)))).toEqual(new Set(["stored", "duplicate"]));
});

test("of a hash, each remainder that is missing is made, whatever the others are divided by", async () => {
  await divide(
    "hash (user_id)",
    "date",
    "for values with (modulus 2, remainder 0)",
    "for values with (modulus 4, remainder 1)",
  );
  const batch = Array.from({ length: 30 }, (_, index) => loginMessage(index));
  expect(new Set(kinds(await load(batch)))).toEqual(new Set(["stored", "postponed"]));
  await run(gaps.error?.hint ?? "");
  expect(new Set(kinds(await load(batch)))).toEqual(new Set(["stored", "duplicate"]));
});

test("if no partition takes the present, everything may miss one; if one does, the row is late", async () => {
  await divide("range (create_date)", "date", "for values from ('2020-01-01') to ('2021-01-01')");
  expect(postponed(await load([on(1, "2026-01-02")]))?.suspect).toBeDefined();
  await run(`create table now_one partition of user_logins ${year}`);
  expect(postponed(await load([on(1, "2019-01-02")]))).toEqual({ kind: "postponed" });
});

test("a trigger's own check violation is a rejection, and no missing partition", async () => {
  await divide("range (create_date)", "date", year);
  await run(`create function no() returns trigger language plpgsql as $$
      begin raise check_violation using table = 'user_logins', schema = 'public'; end $$;
    create trigger no before insert on user_logins for each row execute function no()`);
  expect(kinds(await load([on(1, "2026-01-02")]))).toEqual(["rejected"]);
});

test("a row outside of the partition that is loaded into is a rejection, and no missing partition", async () => {
  await run(`alter table user_logins rename to one;
    create table user_logins (like one) partition by range (create_date);
    alter table user_logins attach partition one ${year};
    alter table user_logins rename to whole; alter table one rename to user_logins`);
  expect(kinds(await load([on(1, "2019-01-02")]))).toEqual(["rejected"]);
});
