import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseExactJson } from "../../src/message/json.ts";
import type { ColumnSource } from "../../src/message/mapping.ts";
import type { MessageAttribute } from "../../src/message/message.ts";
import { isRefusal } from "../../src/message/rejection.ts";
import type { Plain } from "../../src/message/row.ts";
import { readSource } from "../../src/message/source.ts";

const message = {
  messageId: "m-1",
  receiptHandle: "r-1",
  sentAtMillis: 1_700_000_000_123,
  receiveCount: 3,
  body: "",
  bodyIntact: true,
};

/** What a source holds of a body: the value as JSON, or `missing`, `null` or a reason. */
function read(
  source: ColumnSource,
  body: string,
  attributes?: readonly MessageAttribute[],
  changes = {},
): string {
  const make = readSource(
    source,
    {
      path: "f",
      take: (value) => JSON.stringify(value) as Plain,
      whenMissing: "missing" as Plain,
      whenNull: "null" as Plain,
    },
    () => 5,
  );
  const cell = make({ fields: parseExactJson(body) as object, attributes }, { ...message, ...changes });
  if (!isRefusal(cell)) return cell as string;
  expect(cell.path).toBe("f");
  return cell.reason;
}

const at = (...path: string[]): ColumnSource => ({ in: "body", path });

describe("a path into the body", () => {
  // The document of RFC 6901, section 5.
  const rfc = '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}';
  test.each([
    [["foo"], '["bar","baz"]'],
    [["foo", "0"], '"bar"'],
    [[""], "0"],
    [["a/b"], "1"],
    [["c%d"], "2"],
    [["e^f"], "3"],
    [["g|h"], "4"],
    [["i\\j"], "5"],
    [['k"l'], "6"],
    [[" "], "7"],
    [["m~n"], "8"],
  ])("%j: %s", (path, value) => {
    expect(read(at(...path), rfc)).toBe(value);
  });

  const body =
    '{"user":{"id":7,"none":null,"0":"zero"},"list":[[1,{"x":1.50}],null],"text":"ab","number":1.5,"nothing":null}';
  test.each([
    [["user", "id"], "7"],
    [["user", "0"], '"zero"'],
    [["user", "none"], "null"],
    [["user", "absent"], "missing"],
    [["user", "absent", "deeper"], "missing"],
    [["user", "none", "deeper"], "missing"],
    [["nothing"], "null"],
    [["nothing", "deeper"], "missing"],
    [["absent"], "missing"],
    [["list", "0", "1", "x"], "1.50"],
    [["list", "1"], "null"],
    [["list", "2"], "missing"],
    [["list", "99999999999999999999"], "missing"],
    [["list", "00"], "field_not_reachable"],
    [["list", "-1"], "field_not_reachable"],
    [["list", "-"], "field_not_reachable"],
    [["list", "1e0"], "field_not_reachable"],
    [["list", "length"], "field_not_reachable"],
    [["text", "0"], "field_not_reachable"],
    [["text", "length"], "field_not_reachable"],
    [["number", "rawJSON"], "field_not_reachable"],
    [["user", "id", "x"], "field_not_reachable"],
  ])("%j: %s", (path, outcome) => {
    expect(read(at(...path), body)).toBe(outcome);
  });

  test("sees own fields only, on every step", () => {
    const inherited = [
      "__proto__",
      "constructor",
      "prototype",
      "toString",
      "hasOwnProperty",
      "length",
      "name",
      "map",
    ];
    const name = fc.constantFrom(...inherited);
    fc.assert(
      fc.property(
        fc.array(name, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("{}", "[]", '"text"', "1.5", "5", "true"),
        (names, leaf) => {
          const outcome = read(at("deep", ...names), `{"deep":${leaf}}`);
          expect(["missing", "field_not_reachable"]).toContain(outcome);
          expect(read(at(...names), "{}")).toBe("missing");
        },
      ),
    );
  });

  test("finds what stands at any path, whatever the names are", () => {
    const name = fc.oneof(fc.constantFrom("__proto__", "constructor", "0", "", "rawJSON"), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.boolean()), { minLength: 1, maxLength: 6 }), (steps) => {
        const document = steps.reduceRight(
          (inner, [key, inArray]) => (inArray ? `[0,${inner}]` : `{${JSON.stringify(key)}:${inner}}`),
          '"found"',
        );
        const path = steps.map(([key, inArray]) => (inArray ? "1" : key));
        expect(read(at("top", ...path), `{"top":${document}}`)).toBe('"found"');
      }),
    );
  });
});

describe("facts of the message", () => {
  test.each([
    ["message_id", '"m-1"'],
    ["sent_at", "1700000000123"],
    ["received_at", "5"],
    ["receive_count", "3"],
    ["group_id", "missing"],
  ] as const)("%s: %s", (fact, value) => {
    expect(read({ in: "message", fact }, "{}")).toBe(value);
  });

  test("a FIFO queue's message has a group", () => {
    expect(read({ in: "message", fact: "group_id" }, "{}", undefined, { groupId: "g" })).toBe('"g"');
  });

  test("are not the body's to say", () => {
    expect(read({ in: "message", fact: "message_id" }, '{"$message_id":"x","messageId":"y"}')).toBe('"m-1"');
  });
});

describe("attributes", () => {
  const attributes = [
    { name: "kind", dataType: "String", value: "login" },
    { name: "count", dataType: "Number.int", value: "5" },
    { name: "blob", dataType: "Binary.png", value: "AAAA" },
    { name: "__proto__", dataType: "String", value: "p" },
  ];
  test.each([
    ["kind", '"login"'],
    ["count", '"5"'],
    ["__proto__", '"p"'],
    ["constructor", "missing"],
    ["Kind", "missing"],
    ["blob", "attribute_not_text"],
  ])("%s: %s", (name, value) => {
    expect(read({ in: "attributes", name }, "{}", attributes)).toBe(value);
  });

  test("a message may have none", () => {
    expect(read({ in: "attributes", name: "kind" }, '{"kind":"x"}')).toBe("missing");
  });
});
