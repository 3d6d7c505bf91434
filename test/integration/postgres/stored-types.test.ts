import { describe, expect, test } from "bun:test";
import {
  type ColumnMapping,
  type ColumnType,
  columnTypes,
  type Mapping,
} from "../../../src/message/mapping.ts";
import { readTable } from "../../../src/postgres/catalog.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { checkTable, tableFaults } from "../../../src/postgres/table-check.ts";
import { failureOf } from "../../support/postgres-database.ts";
import { emptyDatabase } from "../../support/postgres-file.ts";
import { cellsMessage, mappedField, openLoader } from "../../support/postgres-readings.ts";

const { testDatabase, database } = await emptyDatabase();
const run = (statement: string) => testDatabase.sql.unsafe(statement);

const mappingOf = (column: ColumnMapping): Mapping => ({ columns: [column], conflict: { action: "reject" } });

/** What the table gives back of each value, as text; of a refused one its reason. */
async function roundTrip(type: ColumnType, values: readonly string[]): Promise<string[]> {
  const mapping = mappingOf(mappedField("v", type, false));
  await migrate(database, mapping, "reading");
  const loader = await openLoader(database, mapping);
  const results: string[] = [];
  for (const [number, value] of [...values, null].entries()) {
    const { rejections } = await loader.load([cellsMessage(number, [value])]);
    const [row] = await run("delete from reading returning v::text as v");
    if (value !== null) results.push(rejections[0]?.reason ?? row?.v);
    else expect(row?.v).toBeNull();
  }
  return results;
}

const long = "123456789012345678901234567890.12345678901234567890";
const ip6 = "2001:db8::1";
const uuid = "0b0b0b0b-1111-4222-8333-444444444444";

describe("each live type keeps what it takes, and refuses the rest", () => {
  const cases: [stored: ColumnType, live: string, values: Record<string, string>][] = [
    ["text", "text", { "a ": "a ", "": "" }],
    ["integer", "smallint", { "32767": "32767", "32768": "sqlstate_22003" }],
    ["integer", "bigint", { "-2147483648": "-2147483648" }],
    ["integer", "numeric(4, 1)", { "999": "999.0", "1000": "sqlstate_22003" }],
    [
      "bigint",
      "bigint",
      { "9223372036854775807": "9223372036854775807", "9223372036854775808": "sqlstate_22003" },
    ],
    ["bigint", "numeric", { "9007199254740993": "9007199254740993" }],
    ["numeric", "numeric", { [long]: long, "1e-30": `0.${"0".repeat(29)}1` }],
    [
      "numeric",
      "numeric(6, 2)",
      { "1.5": "1.50", "1.500": "1.50", "1.505": "sqlstate_22P02", "12345": "sqlstate_22003" },
    ],
    [
      "numeric",
      "double precision",
      { "0.1": "0.1", "1e300": "1e+300", [long]: "sqlstate_22P02", "1e400": "sqlstate_22003" },
    ],
    ["numeric", "real", { "0.1": "0.1", "16777217": "sqlstate_22P02" }],
    ["boolean", "boolean", { true: "true", false: "false" }],
    ["date", "timestamp(0)", { "2024-02-29": "2024-02-29 00:00:00", "2026-02-30": "sqlstate_22008" }],
    ["timestamptz", "timestamptz", { "2026-01-02T03:04:05.678901Z": "2026-01-02 03:04:05.678901+00" }],
    [
      "timestamptz",
      "timestamptz(0)",
      { "2026-01-02T03:04:05Z": "2026-01-02 03:04:05+00", "2026-01-02T03:04:05.5Z": "sqlstate_22007" },
    ],
    ["uuid", "uuid", { [uuid]: uuid, x: "sqlstate_22P02" }],
    ["uuid", "varchar(36)", { [uuid]: uuid }],
    ["inet", "inet", { [ip6]: `${ip6}/128`, "192.0.2.7/24": "192.0.2.7/24" }],
    ["inet", "cidr", { "192.0.2.0/24": "192.0.2.0/24", "192.0.2.7/24": "sqlstate_22P02" }],
    ["inet", "text", { [ip6]: ip6 }],
    [
      "jsonb",
      "jsonb",
      { '{"a":9007199254740993.10}': '{"a": 9007199254740993.10}', '"\\u0000"': "sqlstate_22P05" },
    ],
    ["jsonb", "json", { '{"b":1,"a":[1.50]}': '{"b":1,"a":[1.50]}' }],
    ["jsonb", "text", { '{"b":1}': '{"b":1}' }],
  ];
  for (const [stored, live, values] of cases) {
    test(`${stored} into ${live}`, async () => {
      await run(`set timezone = 'UTC'; create table reading (v ${live})`);
      expect(await roundTrip(stored, Object.keys(values))).toEqual(Object.values(values));
    });
  }

  test("a domain that rounds, through another domain", async () => {
    await run(
      "create domain price as numeric(6, 2); create domain fare as price; create table reading (v fare)",
    );
    expect(await roundTrip("numeric", ["1.25", "1.255"])).toEqual(["1.25", "sqlstate_22P02"]);
  });
});

describe("what a column cannot keep is refused before the first message, and the hint mends it", () => {
  /** A live column with a value, the same value after the hint; undefined if only another column can take the messages'. */
  const cases: [stored: ColumnType, live: string, value: string, kept: string | undefined][] = [
    ["text", "integer", "7", "7"],
    ["text", "text[]", "array['a', 'b c']", '{a,"b c"}'],
    ["text", "timestamptz", "'2026-01-02 10:00+00'", "2026-01-02 15:30:00+05:30"],
    ["integer", "double precision", "0.1", "0.1"],
    ["integer", "real", "16777217.5::numeric", "16777218"],
    ["integer", "numeric(5, -2)", "700", "700"],
    ["integer", "text", "'007'", undefined],
    ["integer", "boolean", "true", undefined],
    ["bigint", "integer", "-7", "-7"],
    ["bigint", "double precision", "123456789012345680", "123456789012345680"],
    ["numeric", "bigint", "9007199254740993", "9007199254740993"],
    ["numeric", "text", "'1,5'", undefined],
    ["boolean", "text", "'yes'", undefined],
    ["date", "timestamptz", "'2026-01-02 10:00+00'", undefined],
    ["date", "text", "'01/02/2026'", undefined],
    ["timestamptz", "timestamp", "'2026-01-02 10:00'", "2026-01-02 15:30:00+05:30"],
    ["timestamptz", "timestamp(3)", "'2026-01-02 10:00:00.123'", "2026-01-02 15:30:00.123+05:30"],
    ["timestamptz", "date", "'2026-01-02'", undefined],
    ["timestamptz", "text", "'2026-01-02 10:00'", undefined],
    ["uuid", "bytea", "'\\x00'", undefined],
    ["inet", "integer", "7", undefined],
    ["jsonb", "text[]", "array['a', 'b c']", '["a", "b c"]'],
    ["jsonb", "integer[]", "array[array[1], array[2]]", "[[1], [2]]"],
    ["jsonb", "char(9)", "'[1'", '"[1       "'],
    ["jsonb", "boolean", "true", "true"],
    ["timestamptz", "text[]", "array['2026-01-02T10:00:00Z']", undefined],
  ];
  for (const [stored, live, value, kept] of cases) {
    test(`${stored} into ${live}`, async () => {
      const at = (column: string) => ({ ...mappedField(column, stored) });
      await run(`create table reading (v ${live}); insert into reading values (${value}), (null)`);
      const shown = async () => {
        // A zone that is not the server's: what depends on the session's would be seen.
        const rows = await run("set timezone = 'Asia/Kolkata'; select v::text as v from reading");
        return rows.at(-1)?.map(({ v }: { v: string }) => v);
      };
      const before = await shown();
      const check = async (column: string) =>
        checkTable(await readTable(database, "reading"), mappingOf(at(column)), "hmac");
      const failure = await failureOf(check("v"));
      expect(failure.kind).toBe("config");
      expect(failure.message).toContain("column v of public.reading is of type");
      await run(failure.hint ?? "");
      expect(await shown()).toEqual([kept ?? before[0], null]);
      const other = /such as (\w+)$/.exec(failure.message)?.[1];
      expect(other === undefined).toBe(kept !== undefined);
      await check(other ?? "v");
    });
  }

  test("a time without a zone: the message says in which zone the statement reads the rows", async () => {
    await run("create table reading (v timestamp)");
    const table = await readTable(database, "reading");
    const mapping = mappingOf(mappedField("v", "timestamptz"));
    const failure = await failureOf(Promise.try(() => checkTable(table, mapping, "hmac")));
    expect(failure.message).toEndWith("its rows are read as times of the zone UTC");
    expect(failure.hint).toEndWith("using v at time zone 'UTC'");
  });

  test("a column that is generated, too short for a mask, or missing, in a table with rows", async () => {
    const masked: ColumnMapping = { ...mappedField("short", "text"), transforms: [{ kind: "mask" }] };
    const columns = [
      masked,
      mappedField("made", "integer"),
      mappedField("id", "integer"),
      mappedField("gone", "text"),
    ];
    await run(`
      create table reading (short char(9), made integer generated always as (1) stored,
        id integer generated always as identity, note text not null);
      insert into reading values ('abc', default, default, 'x')`);
    const faults = async () =>
      tableFaults(await readTable(database, "reading"), { columns, conflict: { action: "reject" } }, "hmac");
    const found = await faults();
    expect(found.map(({ message }) => /short|made|id |gone|note/.exec(message)?.[0])).toEqual([
      ...["short", "made", "id ", "gone", "note"],
    ]);
    for (const { hint } of found) await run(hint ?? "");
    expect(await faults()).toEqual([]);
    const [row] = await run("select * from reading");
    expect({ ...row }).toEqual({ short: "abc", made: 1, id: 1, note: "x", gone: null });
  });

  test("a key that nothing fills is to be mapped: Postgres does not let it be null", async () => {
    await run("create table reading (v text, id uuid primary key)");
    const mapping = mappingOf(mappedField("v", "text"));
    const [fault] = tableFaults(await readTable(database, "reading"), mapping, "hmac");
    expect(fault?.hint).toBe('add name = "id" to the columns under [table]');
  });

  const version = (bits: readonly [number, number, number]): ColumnMapping => ({
    ...mappedField("v", "text"),
    transforms: [{ kind: "version", bits }],
  });
  test("a version of so many bits", async () => {
    const fits = async (live: string, bits: readonly [number, number, number]) => {
      await run(`drop table if exists reading; create table reading (v ${live})`);
      const table = await readTable(database, "reading");
      return failureOf(Promise.try(() => checkTable(table, mappingOf(version(bits)), "hmac"))).then(
        () => false,
        () => true,
      );
    };
    expect(await fits("smallint", [5, 5, 5])).toBe(true);
    expect(await fits("smallint", [6, 5, 5])).toBe(false);
    expect(await fits("integer", [15, 8, 8])).toBe(true);
    expect(await fits("integer", [16, 8, 8])).toBe(false);
    expect(await fits("bigint", [21, 21, 21])).toBe(true);
  });
});

test("a migration makes a table that takes every stored type", async () => {
  const columns = columnTypes
    .map((type) => mappedField(`${type}_column`, type))
    .concat({ ...mappedField("net", "text"), transforms: [{ kind: "mask", method: "truncate" }] });
  const mapping: Mapping = { columns, conflict: { action: "reject" } };
  await migrate(database, mapping, "reading");
  checkTable(await readTable(database, "reading"), mapping, "hmac");
});
