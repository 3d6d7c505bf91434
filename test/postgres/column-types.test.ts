import { describe, expect, test } from "bun:test";
import type { ColumnKind } from "../../src/pipeline/column-kind.ts";
import { holds, maxCharacters } from "../../src/postgres/column-types.ts";

const type = (name: string, modifier = -1, isEnum = false) => ({ name, modifier, isEnum });
/** As `pg_attribute.atttypmod` keeps `numeric(precision, scale)`. */
const numeric = (precision: number, scale: number) =>
  type("numeric", ((precision << 16) | (scale & 0x7ff)) + 4);

describe("a type holds a kind only where it keeps every value as it is", () => {
  const cases: [ReturnType<typeof type>, ColumnKind[]][] = [
    [type("text"), ["text"]],
    [type("varchar", 36), ["text"]],
    [type("bpchar", 36), ["text"]],
    [type("citext"), ["text"]],
    [type("device", -1, true), ["text"]],
    [type("uuid"), []],
    [type("json"), []],
    [type("int2"), []],
    [type("int4"), ["integer"]],
    [type("int8"), ["integer"]],
    [type("numeric"), ["integer"]],
    [numeric(20, 0), ["integer"]],
    [numeric(20, 3), ["integer"]],
    [numeric(5, -2), []],
    [type("float8"), []],
    [type("date"), ["date"]],
    [type("timestamp"), ["date"]],
    [type("timestamptz"), []],
  ];
  for (const [columnType, kinds] of cases) {
    test(`${columnType.name} ${columnType.modifier}`, () => {
      const held = (["text", "integer", "date"] as const).filter((kind) => holds(columnType, kind));
      expect(held).toEqual(kinds);
    });
  }
});

test("the length of a text type, where it has one", () => {
  expect(maxCharacters(type("varchar", 36))).toBe(32);
  expect(maxCharacters(type("bpchar", 5))).toBe(1);
  expect(maxCharacters(type("varchar"))).toBeUndefined();
  expect(maxCharacters(type("text"))).toBeUndefined();
  expect(maxCharacters(numeric(20, 0))).toBeUndefined();
});
