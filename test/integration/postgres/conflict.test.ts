import { describe, expect, test } from "bun:test";
import type { Mapping } from "../../../src/message/mapping.ts";
import { readTable } from "../../../src/postgres/catalog.ts";
import { loadGrantStatements } from "../../../src/postgres/ledger.ts";
import { migrate, migrationSql } from "../../../src/postgres/migrate.ts";
import { checkTable } from "../../../src/postgres/table-check.ts";
import { failureOf } from "../../support/postgres-database.ts";
import { emptyDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { newestReading, openLoader, reading, readings } from "../../support/postgres-readings.ts";

const { testDatabase, database } = await emptyDatabase();
const run = (statement: string) => testDatabase.sql.unsafe(statement);
const plain = "create table reading (meter text not null, taken_at timestamptz, value integer)";
const rows = "insert into reading values ('a', null, 1), ('b', '2026-01-02', null)";
const ignoring = readings({ action: "ignore" });

async function check(mapping: Mapping, ...statements: string[]): Promise<void> {
  for (const statement of statements) await run(statement);
  checkTable(await readTable(database, "reading"), mapping, "hmac");
}

test("what a migration makes can tell rows apart", async () => {
  await migrate(database, newestReading, "reading");
  await check(newestReading);
  await run("drop table reading");
  await run(migrationSql(newestReading, "reading"));
  await check(newestReading);
});

describe("a key fits where a unique index is over its columns and no others", () => {
  const fitting = [
    "create unique index on reading (meter)",
    "alter table reading add primary key (meter)",
    "create unique index on reading (meter) include (value)",
    "create unique index on reading (meter) nulls not distinct",
  ];
  for (const statement of fitting) test(statement, () => check(newestReading, plain, statement));

  test("in another order, and on a partitioned table", async () => {
    const conflict = { action: "update", key: ["value", "meter"], newestBy: "taken_at" } as const;
    await check(
      readings(conflict),
      `${plain} partition by list (meter)`,
      "create unique index on reading (meter, value)",
    );
  });
});

describe("a key without its index is refused, and the hint mends it", () => {
  const cases: [what: string, statements: string[], named: string][] = [
    ["none", [], "has no unique index on its key (meter)"],
    ["over more columns", ["create unique index on reading (meter, value)"], "has no unique index"],
    [
      "over fewer, with the key carried along",
      ["create unique index on reading (value) include (meter)"],
      "has no unique",
    ],
    ["not unique", ["create index on reading (meter)"], "has no unique index"],
    [
      "partial",
      ["create unique index half on reading (meter) where value > 0"],
      "index half on the key (meter)",
    ],
    [
      "an expression beside it",
      ["create unique index on reading (meter, lower(meter))"],
      "is over an expression",
    ],
    ["deferrable", ["alter table reading add constraint late unique (meter) deferrable"], "constraint late"],
    [
      "deferrable, beside one that is not",
      [
        "create unique index on reading (meter)",
        "alter table reading add constraint late unique (meter) deferrable",
      ],
      "constraint late",
    ],
    ["an exclusion", ["alter table reading add exclude using btree (meter with =)"], "exclusion"],
    [
      "invalid",
      [
        "create unique index broken on reading (meter)",
        "update pg_index set indisvalid = false where indexrelid = 'broken'::regclass",
      ],
      "is invalid",
    ],
  ];
  for (const [what, statements, named] of cases) {
    test(what, async () => {
      const failure = await failureOf(check(newestReading, plain, rows, ...statements));
      expect(failure).toMatchObject({ kind: "config", retryable: false });
      expect(failure.message).toContain(named);
      const before = await run("select * from reading");
      await check(newestReading, failure.hint ?? "");
      expect(await run("select * from reading")).toEqual(before);
    });
  }

  test("over rows that share a key: the hint changes nothing, and the message says what else is needed", async () => {
    const failure = await failureOf(check(newestReading, plain, rows, rows));
    expect(failure.message).toContain("if rows share a key, keep one of each before you create the index");
    await expect(run(failure.hint ?? "").execute()).rejects.toThrow("could not create unique index");
    expect((await run("select * from reading")).length).toBe(4);
  });
});

describe("what has no order, and no key, is refused", () => {
  test("a key that may be null; the hint mends it", async () => {
    const { columns, conflict } = newestReading;
    const optional = { columns: columns.map((column) => ({ ...column, required: false })), conflict };
    const table = ["create table reading (meter text unique, taken_at timestamptz, value integer)"];
    const failure = await failureOf(check(optional, ...table));
    expect(failure.message).toContain("key column meter");
    expect(failure.hint).toBe("set required = true for the column meter");
    const required = optional.columns.map((column) => ({ ...column, required: column.column === "meter" }));
    await check({ columns: required, conflict }, "select 1");
    await check(
      { columns: optional.columns.map((column) => ({ ...column, default: 1 })), conflict },
      "select 1",
    );
  });

  test("a newest_by that is masked, or a JSON, or not mapped", async () => {
    await check(newestReading, plain, "create unique index on reading (meter)");
    const [meter, , value] = newestReading.columns;
    const masked = { ...value, type: "text", transforms: [{ kind: "mask" }] } as never;
    await run("alter table reading add note jsonb, alter value type text");
    for (const [columns, newestBy] of [
      [[meter, masked], "value"],
      [[meter, { ...meter, column: "note", type: "jsonb" }], "note"],
      [[meter], "value"],
    ] as const) {
      const mapping = {
        columns,
        conflict: { action: "update", key: ["meter"], newestBy },
      } as unknown as Mapping;
      expect((await failureOf(check(mapping))).message).toContain(newestBy);
    }
  });
});

describe("what can never be ignored is refused", () => {
  test("without a unique index over mapped columns", async () => {
    expect((await failureOf(check(ignoring, plain))).message).toContain(
      "no unique index over mapped columns",
    );
    const identity = "alter table reading add id integer generated always as identity primary key";
    expect((await failureOf(check(ignoring, identity))).message).toContain("no unique index");
    await check(ignoring, "create unique index on reading (lower(meter)) where value > 0");
  });

  test("where a constraint is checked too late, and the hint mends it", async () => {
    const late = "alter table reading add constraint late unique (meter) deferrable";
    const failure = await failureOf(check(ignoring, plain, late));
    expect(failure.message).toContain("late");
    await check(ignoring, failure.hint ?? "");
  });
});

test("a role is told how to see what it needs to update, which is then enough", async () => {
  await migrate(database, newestReading, "reading");
  const grants = (role: string) => `${usage(role)}
    grant insert on reading to ${role}; grant select, insert on etl_ledger, etl_queue to ${role}`;
  await withRole(testDatabase, grants, async ({ role, asRole }) => {
    const loader = await openLoader(asRole, newestReading);
    const failure = await failureOf(loader.load([reading(1, "a", null)]));
    expect(failure).toMatchObject({ kind: "permission", code: "42501" });
    expect(failure.hint).toStartWith("etl doctor --grants --table public.reading,");
    const table = { schema: "public", sqlName: "public.reading" };
    await run(loadGrantStatements(table, role, { table, action: "update" }).join(";"));
    expect(await loader.load([reading(1, "a", null)])).toMatchObject({ inserted: 1 });
  });
});
