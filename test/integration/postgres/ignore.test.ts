import { describe, expect, test } from "bun:test";
import { migrationSql } from "../../../src/postgres/migrate.ts";
import { failureOf } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { openLoader, reading, readings } from "../../support/postgres-readings.ts";

const mapping = readings({ action: "ignore" });
const { testDatabase, database } = await migratedDatabase(mapping, "reading");
const { sql } = testDatabase;

/** Every row, in the order that they came in. */
async function stored(): Promise<string[]> {
  const rows = await sql`select meter, value from reading order by ctid`;
  return rows.map(({ meter, value }) => `${meter} ${value}`);
}

async function openReadings(...statements: string[]) {
  for (const statement of statements) await sql.unsafe(statement);
  return await openLoader(database, mapping);
}

const unique = "alter table reading add unique (meter)";

test("the row that is there stays, and so does the first of a batch; each message is known", async () => {
  const loader = await openReadings(unique);
  expect(await loader.load([reading(1, "b", null), reading(2, "a", null), reading(3, "b", null)])).toEqual({
    inserted: 2,
    duplicates: 1,
    leftOut: 1,
    rejections: [],
  });
  const batch = [reading(4, "a", null), reading(5, "c", null)];
  expect(await loader.load(batch)).toEqual({ inserted: 1, duplicates: 1, leftOut: 1, rejections: [] });
  expect(await stored()).toEqual(["a 2", "b 1", "c 5"]);
  await sql`delete from reading`;
  expect(await loader.load(batch)).toEqual({ inserted: 0, duplicates: 2, leftOut: 0, rejections: [] });
});

describe("with a key", () => {
  const keyed = readings({ action: "ignore", key: ["meter"] });

  test("migrate makes what finds the rows, and the load goes by it alone", async () => {
    expect(migrationSql(keyed, "reading")).toContain("primary key (meter)");
    await sql.unsafe(unique);
    await sql.unsafe("create unique index on reading (value)");
    const loader = await openLoader(database, keyed);
    expect(await loader.load([reading(1, "a", null), reading(2, "a", null)])).toMatchObject({
      inserted: 1,
      duplicates: 1,
    });
    expect(await loader.load([reading(3, "b", null, "1")])).toMatchObject({
      rejections: [{ reason: "sqlstate_23505" }],
    });
  });

  test("a table without that index is refused", async () => {
    expect(await failureOf(openLoader(database, keyed))).toMatchObject({
      kind: "config",
      hint: "create unique index on public.reading (meter)",
    });
  });
});

test("a bad row is found among ignored ones", async () => {
  const loader = await openReadings(unique, "insert into reading values ('a', now(), 0)");
  const batch = [reading(1, "a", null), reading(2, "b", null, "many"), reading(3, "c", null)];
  expect(await loader.load(batch)).toMatchObject({
    inserted: 1,
    duplicates: 1,
    rejections: [{ messageId: batch[1]?.ref.messageId, reason: "sqlstate_22P02" }],
  });
  expect(await stored()).toEqual(["a 0", "c 3"]);
});

test("a clash outside of the mapping is a rejection, and no row is lost to it in silence", async () => {
  const loader = await openReadings(
    unique,
    "alter table reading add batch integer not null default 0 constraint one_row unique",
  );
  expect(await loader.load([reading(1, "a", null), reading(2, "b", null)])).toMatchObject({
    inserted: 1,
    rejections: [{ reason: "sqlstate_23505", constraint: "one_row" }],
  });
});

test("each of several indexes may ignore a row, one over an expression among them", async () => {
  const loader = await openReadings(unique, "create unique index on reading ((value % 10))");
  const batch = [reading(1, "a", null), reading(2, "a", null), reading(11, "b", null), reading(3, "c", null)];
  expect(await loader.load(batch)).toEqual({ inserted: 2, duplicates: 2, leftOut: 2, rejections: [] });
  expect(await stored()).toEqual(["a 1", "c 3"]);
});

describe("an index that is dropped while a drain runs ends the load, and no row is stored twice", () => {
  const other = "create unique index by_digit on reading ((value % 10))";

  test("the only one", async () => {
    const { loader } = await openReadings("create unique index by_meter on reading (meter)");
    await loader.load([reading(1, "a", null)]);
    await sql`drop index by_meter`;
    const failure = await failureOf(loader.load([reading(2, "a", null)]));
    expect(failure).toMatchObject({ kind: "config", exitCode: 78, retryable: false });
    expect(failure.message).toContain("no unique index over mapped columns");
    expect(await stored()).toEqual(["a 1"]);
  });

  test("the one of the key: the hint mends it", async () => {
    await sql.unsafe("create unique index by_meter on reading (meter)");
    const { loader } = await openLoader(database, readings({ action: "ignore", key: ["meter"] }));
    await loader.load([reading(1, "a", null)]);
    await sql`drop index by_meter`;
    const failure = await failureOf(loader.load([reading(2, "a", null)]));
    await sql.unsafe(failure.hint ?? "");
    expect(await loader.load([reading(2, "a", null)])).toEqual([{ kind: "superseded" }]);
  });

  test("one of several: a drain that begins anew goes by the others", async () => {
    const { loader } = await openReadings("create unique index by_meter on reading (meter)", other);
    await loader.load([reading(1, "a", null)]);
    await sql`drop index by_meter`;
    const failure = await failureOf(loader.load([reading(2, "a", null)]));
    expect(failure).toMatchObject({ kind: "config", exitCode: 78, retryable: false });
    expect(failure.message).toContain("by_meter of public.reading is gone");
    expect(await stored()).toEqual(["a 1"]);
    const { loader: anew } = await openLoader(database, mapping);
    expect(await anew.load([reading(2, "a", null)])).toMatchObject([{ kind: "stored" }]);
  });
});

describe("a table that swallows rows", () => {
  const trigger = [
    `create function swallow() returns trigger language plpgsql as $$
       begin return case when new.meter = 'b' then null else new end; end $$`,
    "create trigger swallow before insert on reading for each row execute function swallow()",
  ];

  test("ends the run, and nothing is stored", async () => {
    const loader = await openReadings(unique, ...trigger);
    const failure = await failureOf(loader.load([reading(1, "a", null), reading(2, "b", null)]));
    expect(failure).toMatchObject({ kind: "config", retryable: false });
    expect(failure.message).toContain("swallows rows");
    expect(await stored()).toEqual([]);
  });

  test("is not blamed for rows that are there", async () => {
    const loader = await openReadings(unique, ...trigger);
    const batch = [reading(1, "a", null), reading(2, "a", null)];
    expect(await loader.load(batch)).toEqual({ inserted: 1, duplicates: 1, leftOut: 1, rejections: [] });
  });
});
