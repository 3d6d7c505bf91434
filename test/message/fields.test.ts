import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FieldTally, otherNames, stillPassedBy, tellableFields } from "../../src/message/fields.ts";
import type { ColumnMapping, ColumnSource, Mapping } from "../../src/message/mapping.ts";

const at = (...path: readonly string[]): ColumnSource => ({ in: "body", path });
const column = (source: ColumnSource): ColumnMapping => ({
  ...{ column: "c", source, type: "jsonb", transforms: [], required: false },
});
const mappingOf = (...sources: readonly ColumnSource[]): Mapping => ({
  columns: sources.map(column),
  conflict: { action: "reject" },
});

/** What is counted of bodies that columns take these paths of. */
function unmappedOf(paths: readonly (readonly string[])[], bodies: readonly object[]) {
  const tally = new FieldTally(mappingOf(...paths.map((path) => at(...path))));
  for (const body of bodies) tally.count([], body);
  return tally.counts.unmapped;
}

describe("fields that no column takes", () => {
  test.each<[name: string, paths: string[][], body: object, unmapped: Record<string, number>]>([
    ["all are taken", [["a"], ["b"]], { a: 1, b: 2 }, {}],
    ["by name, a null too", [["a"]], { a: 1, b: null, c: 2 }, { b: 1, c: 1 }],
    ["beside a field that is taken", [["a", "b"]], { a: { b: 1, c: 2 } }, { "a.c": 1 }],
    ["not in an object that is taken whole", [["a"], ["a", "b"]], { a: { b: 1, c: 2 } }, {}],
    ["not in an object of which nothing is taken", [["a"]], { a: 1, b: { c: 1, d: 2 } }, { b: 1 }],
    [
      "in the items of a list of which something is taken",
      [["a", "0", "b"]],
      { a: [{ b: 1, c: 2 }, { d: 3 }] },
      { "a.0.c": 1 },
    ],
    ["as from has it", [["a"]], { a: 1, "b.c": 1 }, { "/b.c": 1 }],
    [
      "an inherited name is a name",
      [["a"]],
      JSON.parse('{"a":1,"__proto__":1,"constructor":2}'),
      { ["__proto__"]: 1, constructor: 1 },
    ],
    ["what is no object has none", [["a", "b"]], { a: "text" }, {}],
  ])("are counted: %s", (_, paths, body, unmapped) => {
    expect(Object.entries(unmappedOf(paths, [body]))).toEqual(
      Object.entries(unmapped).map(([name, count]) => [name, count]),
    );
  });

  test("are counted together if their names do not look like identifiers", () => {
    const odd = [
      "ann@example.com",
      "Ann Canary",
      "+49301234",
      "1990-01-31",
      "",
      "größe",
      "x".repeat(65),
      "a\n",
    ];
    const body = Object.fromEntries(odd.map((name) => [name, 1]));
    expect(unmappedOf([["a"]], [{ ...body, fine_1: 1, [`x${"y".repeat(63)}`]: 1 }])).toEqual({
      ...{ fine_1: 1, [`x${"y".repeat(63)}`]: 1 },
      [otherNames]: odd.length,
    });
    expect(unmappedOf([["a", "b"]], [{ a: { "ann@example.com": 1 } }])).toEqual({ [otherNames]: 1 });
  });

  test("are named up to the 100th, and counted together from there", () => {
    const bodies = Array.from({ length: 300 }, (_, index) => ({ [`name${index}`]: 1, always: 1 }));
    const { always, [otherNames]: others, ...named } = unmappedOf([["a"]], bodies);
    expect(always).toBe(300);
    expect(Object.keys(named)).toHaveLength(99);
    expect(others).toBe(201);
  });

  test("of any bodies come to what a count without shortcuts comes to", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "odd name");
    const inner = fc.dictionary(name, fc.constantFrom<unknown>(1, null, "x"));
    const body = fc.dictionary(name, fc.oneof(fc.constant<unknown>(1), inner));
    fc.assert(
      fc.property(fc.array(body, { maxLength: 60 }), (bodies) => {
        const expected: Record<string, number> = {};
        const add = (...path: string[]) => {
          const key = path.includes("odd name") ? otherNames : path.join(".");
          expected[key] = (expected[key] ?? 0) + 1;
        };
        for (const each of bodies) {
          for (const key of Object.keys(each)) if (key !== "a" && key !== "b") add(key);
          const { b } = each;
          if (typeof b === "object")
            for (const key of Object.keys(b as object)) if (key !== "c") add("b", key);
        }
        expect(unmappedOf([["a"], ["b", "c"]], bodies)).toEqual(expected);
      }),
    );
  });

  test("the first of a body is found, and it is told only if it may be", () => {
    const tally = new FieldTally(mappingOf(at("a", "b")));
    expect(tally.firstUnmapped({ a: { b: 1 } })).toBeUndefined();
    expect(tally.firstUnmapped({ a: { b: 1, c: 2 } })).toBe("a.c");
    expect(tally.firstUnmapped({ "ann@example.com": 1 })).toBe(otherNames);
  });
});

test("what messages lack is counted by source, and so are the messages", () => {
  const tally = new FieldTally(
    mappingOf(
      at("a"),
      { in: "attributes", name: "kind" },
      { in: "constant", value: 1 },
      at("a"),
      at("b", "c"),
    ),
  );
  tally.count([1, 2], {});
  tally.count([2], {});
  tally.count([], {});
  expect(tally.counts).toEqual({ mapped: 3, absent: { "$attributes.kind": 1, "b.c": 2 }, unmapped: {} });
});

test("of a body's names ten are told at the most, and the others are counted", () => {
  const names = Array.from({ length: 12 }, (_, index) => `n${index}`);
  const body = Object.fromEntries([...names, "ann@example.com"].map((name) => [name, 1]));
  expect(tellableFields(body)).toEqual({ fields: names.slice(0, 10), otherFields: 3 });
  expect(tellableFields({})).toEqual({ fields: [] });
});

test("of an earlier run's counts, those stay that a changed mapping would make again", () => {
  const counts = {
    mapped: 9,
    absent: { "a.b": 9, gone: 9, "$attributes.kind": 2 },
    unmapped: { "a.c": 1, "a.b": 1, whole: 1, "whole.part": 1, ab: 1, "/a.b": 1, [otherNames]: 3 },
  };
  const mapping = mappingOf(at("a", "b"), at("whole", "part"), { in: "attributes", name: "kind" });
  expect(stillPassedBy(counts, mapping)).toEqual({
    mapped: 9,
    absent: { "a.b": 9, "$attributes.kind": 2 },
    unmapped: { "a.c": 1, ab: 1, "/a.b": 1, [otherNames]: 3 },
  });
  expect(stillPassedBy(counts, { ...mapping, unmapped: "ignore" }).unmapped).toEqual({});
});
