import { describe, expect, test } from "bun:test";
import { type ColumnType, columnTypes } from "../../src/message/mapping.ts";
import {
  arrayLiteral,
  holds,
  maxCharacters,
  maxFractionDigits,
  roundsTo,
} from "../../src/postgres/column-types.ts";

const type = (name: string, modifier = -1, isEnum = false) => ({ name, modifier, isEnum });
/** As `pg_attribute.atttypmod` keeps `numeric(precision, scale)`. */
const numeric = (precision: number, scale: number) =>
  type("numeric", ((precision << 16) | (scale & 0x7ff)) + 4);

describe("a type holds a stored type only where it keeps every value as it is", () => {
  const cases: [ReturnType<typeof type>, ColumnType[]][] = [
    [type("text"), ["text", "uuid", "inet", "jsonb"]],
    [type("varchar", 36), ["text", "uuid", "inet", "jsonb"]],
    [type("bpchar", 36), ["text", "uuid", "inet"]],
    [type("citext"), ["text", "uuid", "inet"]],
    [type("name"), []],
    [type("device", -1, true), ["text"]],
    [type("numeric", -1, true), ["text"]],
    [type("uuid"), ["uuid"]],
    [type("inet"), ["inet"]],
    [type("cidr"), ["inet"]],
    [type("json"), ["jsonb"]],
    [type("jsonb"), ["jsonb"]],
    [type("bool"), ["boolean"]],
    [type("int2"), ["integer"]],
    [type("int4"), ["integer"]],
    [type("int8"), ["integer", "bigint"]],
    [type("numeric"), ["integer", "bigint", "numeric"]],
    [numeric(20, 0), ["integer", "bigint", "numeric"]],
    [numeric(20, 3), ["integer", "bigint", "numeric"]],
    [numeric(5, -2), []],
    [type("float8"), ["numeric"]],
    [type("float4"), ["numeric"]],
    [type("money"), []],
    [type("date"), ["date"]],
    [type("timestamp"), ["date"]],
    [type("timestamp", 0), ["date"]],
    [type("timestamptz"), ["timestamptz"]],
    [type("timetz"), []],
    [type("bytea"), []],
  ];
  for (const [columnType, stored] of cases) {
    test(`${columnType.name} ${columnType.modifier}${columnType.isEnum ? " enum" : ""}`, () => {
      expect(columnTypes.filter((each) => holds(columnType, each))).toEqual(stored);
    });
  }
});

test("the types that round what they are given", () => {
  expect(roundsTo(numeric(20, 3), "numeric")).toBe("numeric(20, 3)");
  expect(roundsTo(numeric(20, 3), "integer")).toBeUndefined();
  expect(roundsTo(type("numeric"), "numeric")).toBeUndefined();
  expect(roundsTo(type("float8"), "numeric")).toBe("float8::text::numeric");
  expect(roundsTo(type("timestamptz", 0), "timestamptz")).toBe("timestamptz(0)");
  expect(roundsTo(type("timestamptz", 6), "timestamptz")).toBeUndefined();
  expect(roundsTo(type("timestamptz"), "timestamptz")).toBeUndefined();
});

test("how many digits after the point are kept, where not all are", () => {
  expect(maxFractionDigits(numeric(20, 3))).toBe(3);
  expect(maxFractionDigits(numeric(20, 0))).toBe(0);
  expect(maxFractionDigits(type("numeric"))).toBeUndefined();
  expect(maxFractionDigits(type("timestamptz", 0))).toBe(0);
  expect(maxFractionDigits(type("timestamptz", 6))).toBeUndefined();
  expect(maxFractionDigits(type("varchar", 36))).toBeUndefined();
});

test("the length of a text type, where it has one", () => {
  expect(maxCharacters(type("varchar", 36))).toBe(32);
  expect(maxCharacters(type("bpchar", 5))).toBe(1);
  expect(maxCharacters(type("varchar"))).toBeUndefined();
  expect(maxCharacters(type("text"))).toBeUndefined();
  expect(maxCharacters(numeric(20, 0))).toBeUndefined();
});

test("every element is quoted, so that nothing in it is read as more than text", () => {
  expect(arrayLiteral([])).toBe("{}");
  expect(arrayLiteral(["a", "", "NULL", null])).toBe('{"a","","NULL",null}');
  expect(arrayLiteral(['say "hi"', "back\\slash", "{1,2}", "a,b", "line\nbreak"])).toBe(
    '{"say \\"hi\\"","back\\\\slash","{1,2}","a,b","line\nbreak"}',
  );
});

/** As Postgres reads it: a backslash stands for the character behind it, whatever that is. */
function elementsOf(literal: string): (string | null)[] {
  const elements: (string | null)[] = [];
  for (const [, quoted] of literal.slice(1, -1).matchAll(/(?:"((?:[^"\\]|\\[\s\S])*)"|null)(?:,|$)/g)) {
    elements.push(quoted?.replace(/\\([\s\S])/g, "$1") ?? null);
  }
  return elements;
}

describe("what is written is read back", () => {
  const parts = ["\\", '"', "n", "\n", "\t", "\u0001", "\u007f", "\u2028", "😀", "u0041", ",", "}", "null"];
  for (const first of parts) {
    test(JSON.stringify(first), () => {
      const elements = parts.flatMap((second) => [first + second, null, first + first + second, second]);
      expect(elementsOf(arrayLiteral(elements))).toEqual(elements);
      for (const element of elements) expect(elementsOf(arrayLiteral([element]))).toEqual([element]);
    });
  }
});
