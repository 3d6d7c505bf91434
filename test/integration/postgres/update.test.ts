import { describe, expect, test } from "bun:test";
import { migrate } from "../../../src/postgres/migrate.ts";
import { createChance } from "../../support/chaos-chance.ts";
import { failureOf } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { mappedField, newestReading, openLoader, reading } from "../../support/postgres-readings.ts";

const { testDatabase, database } = await migratedDatabase(newestReading, "reading");
const { sql } = testDatabase;

const day = (number: number) => `2026-01-${String(number).padStart(2, "0")}T00:00:00Z`;

/** Every meter with its value. */
async function stored(): Promise<Record<string, number>> {
  const rows = await sql`select meter, value from reading`;
  expect(new Set(rows.map(({ meter }) => meter)).size).toBe(rows.length);
  return Object.fromEntries(rows.map(({ meter, value }) => [meter, value]));
}

async function ledgerEntries(): Promise<number> {
  const [row] = await sql`select count(*)::int as entries from etl_ledger`;
  return row?.entries;
}

const openReadings = () => openLoader(database, newestReading);

describe("the newest row of a key stays", () => {
  test("within a batch, whatever its order", async () => {
    const loader = await openReadings();
    const batch = [
      reading(1, "a", day(2)),
      reading(2, "a", day(3)),
      reading(3, "a", day(1)),
      reading(4, "b", day(1)),
    ];
    expect(await loader.load(batch)).toEqual({ inserted: 2, duplicates: 2, leftOut: 2, rejections: [] });
    expect(await stored()).toEqual({ a: 2, b: 4 });
    expect(await ledgerEntries()).toBe(4);
  });

  test("against the table: a newer one comes in, an older one counts as a duplicate and is known from then on", async () => {
    const loader = await openReadings();
    await loader.load([reading(1, "a", day(2)), reading(2, "b", day(2))]);
    const batch = [reading(3, "a", day(3)), reading(4, "b", day(1)), reading(5, "c", day(1))];
    expect(await loader.load(batch)).toEqual({ inserted: 2, duplicates: 1, leftOut: 1, rejections: [] });
    expect(await stored()).toEqual({ a: 3, b: 2, c: 5 });
    expect(await ledgerEntries()).toBe(5);
    expect(await loader.load(batch)).toEqual({ inserted: 0, duplicates: 3, leftOut: 0, rejections: [] });
  });

  test("a message that comes again overwrites nothing, even as new as what is there", async () => {
    const loader = await openReadings();
    await loader.load([reading(1, "a", day(1))]);
    await loader.load([reading(2, "a", day(1))]);
    expect(await stored()).toEqual({ a: 2 });
    expect(await loader.load([reading(1, "a", day(1))])).toMatchObject({ inserted: 0, duplicates: 1 });
    expect(await stored()).toEqual({ a: 2 });
  });

  test("of equal ones the later delivery, in a batch and in halves", async () => {
    const loader = await openReadings();
    await loader.load([reading(2, "a", day(1)), reading(1, "a", day(1))]);
    expect(await stored()).toEqual({ a: 1 });
    const result = await loader.load([
      reading(4, "b", day(1)),
      reading(5, "c", day(1), "1e3"),
      reading(6, "d", day(1)),
      reading(3, "b", day(1)),
    ]);
    expect(result).toMatchObject({ inserted: 3, duplicates: 0, rejections: [{ reason: "sqlstate_22P02" }] });
    expect(await stored()).toEqual({ a: 1, b: 3, d: 6 });
  });

  test("one without a time never wins, and loses to any other", async () => {
    const loader = await openReadings();
    await loader.load([
      reading(1, "a", null),
      reading(2, "a", null),
      reading(3, "b", day(1)),
      reading(4, "b", null),
    ]);
    expect(await stored()).toEqual({ a: 1, b: 3 });
    expect(await loader.load([reading(5, "a", null), reading(6, "b", null)])).toMatchObject({
      duplicates: 2,
    });
    expect(await stored()).toEqual({ a: 1, b: 3 });
    expect(await loader.load([reading(7, "a", day(1))])).toMatchObject({ inserted: 1 });
    expect(await stored()).toEqual({ a: 7, b: 3 });
  });

  test("for ever, and before what is older than all, in the order of the database", async () => {
    const loader = await openReadings();
    await loader.load([reading(1, "a", "infinity"), reading(2, "b", "-infinity")]);
    await loader.load([reading(3, "a", day(1)), reading(4, "b", day(1))]);
    expect(await stored()).toEqual({ a: 1, b: 4 });
  });

  test("beside a bad row, and behind one that is newer", async () => {
    await sql`alter table reading add constraint small check (value < 100)`;
    const loader = await openReadings();
    const batch = [
      ...[reading(1, "a", day(1)), reading(2, "a", day(3), "100"), reading(3, "a", day(2))],
      ...[reading(4, "b", day(2)), reading(5, "b", day(1))],
    ];
    expect(await loader.load(batch)).toMatchObject({
      duplicates: 1,
      rejections: [{ constraint: "small" }],
    });
    expect(await stored()).toEqual({ a: 3, b: 4 });
    expect(await ledgerEntries()).toBe(4);
  });

  test("of a random history, cut into batches and delivered again at random", async () => {
    const loader = await openReadings();
    const chance = createChance(20260102);
    const random = (below: number) => chance.between(0, below);
    const history = Array.from({ length: 400 }, (_, number) =>
      reading(number, `meter-${random(20)}`, day(1 + random(28)), random(30) === 0 ? "none" : String(number)),
    );
    let inserted = 0;
    let settled = 0;
    for (let from = 0; from < history.length; from += 40) {
      const again = Array.from({ length: 10 }, () => history[random(from + 1)] as never);
      const batch = [...new Set([...history.slice(from, from + 40), ...again])];
      const result = await loader.load(batch.toSorted(() => random(3) - 1));
      inserted += result.inserted;
      settled += result.inserted + result.duplicates + result.rejections.length - batch.length;
    }
    expect(settled).toBe(0);
    const good = history.filter(({ rows }) => rows[0]?.[2] !== "none");
    const meters = Object.groupBy(good, ({ rows }) => rows[0]?.[0] as string);
    const rows = await sql`
      select meter, to_char(taken_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as taken_at from reading`;
    const newest = (group: typeof history = []) =>
      group
        .map(({ rows }) => rows[0]?.[1] as string)
        .toSorted()
        .at(-1);
    expect(Object.fromEntries(rows.map(({ meter, taken_at }) => [meter, taken_at]))).toEqual(
      Object.fromEntries(Object.entries(meters).map(([meter, group]) => [meter, newest(group)])),
    );
    expect(await ledgerEntries()).toBe(good.length);
    expect(inserted).toBeGreaterThanOrEqual(rows.length);
  });
});

describe("keys and times are compared as the column's type", () => {
  test("numbers as numbers, in a key of several columns", async () => {
    const mapping = {
      columns: [
        mappedField("site", "integer"),
        mappedField("meter", "text"),
        mappedField("version", "integer"),
      ],
      conflict: { action: "update", key: ["meter", "site"], newestBy: "version" },
    } as const;
    await migrate(database, mapping, "versions");
    const loader = await openLoader(database, mapping, "versions");
    const { ref } = reading(1, "", null);
    const row = (number: number, cells: string[]) => ({
      ref: { ...ref, messageId: `${number}`, receiptHandle: `${number}` },
      rows: [cells as never],
    });
    await loader.load([row(1, ["1", "a", "10"]), row(2, ["01", "a", "9"]), row(3, ["2", "a", "1"])]);
    expect([...(await sql`select site, version from versions order by site`)]).toEqual([
      { site: 1, version: 10 },
      { site: 2, version: 1 },
    ]);
  });

  test("texts under the column's own collation, so that a batch meets no row twice", async () => {
    await sql.unsafe(`
      create collation caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      alter table reading alter meter type text collate caseless`);
    const loader = await openReadings();
    const result = await loader.load([reading(1, "Main", day(1)), reading(2, "MAIN", day(2))]);
    expect(result).toEqual({ inserted: 1, duplicates: 1, leftOut: 1, rejections: [] });
    expect(Object.values(await stored())).toEqual([2]);
  });
});

describe("a table that swallows rows", () => {
  const swallow = (event: string) =>
    sql.unsafe(`
      create function swallow() returns trigger language plpgsql as $$
        begin return case when new.meter = 'b' then null else new end; end $$;
      create trigger swallow before ${event} on reading for each row execute function swallow()`);

  for (const event of ["insert", "update"]) {
    test(`at an ${event} ends the run, and nothing is stored`, async () => {
      const loader = await openReadings();
      await loader.load([reading(1, "a", day(1)), ...(event === "update" ? [reading(2, "b", day(1))] : [])]);
      const before = await stored();
      await swallow(event);
      const failure = await failureOf(loader.load([reading(3, "a", day(2)), reading(4, "b", day(2))]));
      expect(failure).toMatchObject({ kind: "config", retryable: false });
      expect(failure.message).toContain("swallows rows");
      expect(await stored()).toEqual(before);
    });
  }

  test("is not blamed for rows that are older than the table's", async () => {
    await swallow("insert or update");
    const loader = await openReadings();
    await loader.load([reading(1, "a", day(2)), reading(2, "c", null)]);
    const batch = [reading(3, "a", day(1)), reading(4, "c", null), reading(5, "a", null)];
    expect(await loader.load(batch)).toEqual({ inserted: 0, duplicates: 3, leftOut: 3, rejections: [] });
  });
});
