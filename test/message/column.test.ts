import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { compileDecoder } from "../../src/message/body.ts";
import { compileColumn, fitsCharacters } from "../../src/message/column.ts";
import { parseExactJson } from "../../src/message/json.ts";
import {
  type ColumnMapping,
  type ColumnSource,
  columnTypes,
  type Transform,
} from "../../src/message/mapping.ts";
import { createMasker, pseudonymCharacters } from "../../src/message/mask.ts";
import { type ColumnLimit, type ColumnLimits, isRefusal, type Message } from "../../src/message/message.ts";

const masker = createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) });
const decode = compileDecoder({ envelope: "none", encoding: "none" }, parseExactJson);
const at = (...path: string[]): ColumnSource => ({ in: "body", path });

/** What becomes of a body in one column, by default of the field `f` as a text. */
function mapOf(changes: Partial<ColumnMapping>, limits: ColumnLimits = new Map()) {
  const defaults = { column: "c", source: at("f"), type: "text", transforms: [], required: false } as const;
  const make = compileColumn({ ...defaults, ...changes }, { masker, limits, now: () => 1_700_000_001_000 });
  const ref = { messageId: "m-1", receiptHandle: "r-1", sentAtMillis: 1_700_000_000_123, receiveCount: 2 };
  return (text: string, changed: Partial<Message> = {}) => {
    const message = { ...ref, body: text, bodyIntact: true, ...changed };
    const decoded = decode(message);
    const cell = isRefusal(decoded) ? decoded : make(decoded, message);
    return isRefusal(cell) ? { messageId: ref.messageId, ...cell } : { rows: [[cell]] };
  };
}

/** The cell of a body whose field `f` is written so, or the reason why there is none. */
function told(changes: Partial<ColumnMapping>, json: string | undefined, message: Partial<Message> = {}) {
  const outcome = mapOf(changes)(json === undefined ? "{}" : `{"f":${json}}`, message);
  return isRefusal(outcome) ? outcome.reason : (outcome.rows[0]?.[0] as string | null);
}

const trim: Transform = { kind: "trim" };
const lowercase: Transform = { kind: "lowercase" };
const json: Transform = { kind: "json" };

describe("transforms", () => {
  test.each<[Partial<ColumnMapping>, string, string | null]>([
    [{ transforms: [trim] }, '" \\u00a0 a b\\t\\n"', "a b"],
    [{ transforms: [trim] }, "5", "field_not_text"],
    [{ transforms: [trim] }, '"\\u0000"', "text_nul"],
    [{ transforms: [lowercase] }, '"ÀB İ"', "àb i̇"],
    [{ transforms: [trim, lowercase] }, '" A "', "a"],
    [{ type: "integer", transforms: [trim] }, '" 5 "', "5"],
    [{ type: "integer", transforms: [trim] }, "5", "field_not_text"],
    [{ type: "boolean", transforms: [lowercase] }, '"TRUE"', "true"],
    [{ type: "uuid", transforms: [trim] }, '" x "', "field_not_uuid"],
    [{ transforms: [{ kind: "version", bits: [15, 8, 8] }] }, '"2.3.0"', "131840"],
    [{ transforms: [trim, { kind: "version", bits: [15, 8, 8] }] }, '" 2.3 "', "131840"],
    [
      { type: "bigint", transforms: [{ kind: "version", bits: [31, 16, 16] }] },
      '"1.2.3"',
      String((1n << 32n) + (2n << 16n) + 3n),
    ],
    [
      { type: "timestamptz", transforms: [{ kind: "epoch_seconds" }] },
      "1700000000.1",
      "2023-11-14T22:13:20.1Z",
    ],
    [
      { type: "timestamptz", transforms: [trim, { kind: "epoch_millis" }] },
      '" 1700000000123 "',
      "2023-11-14T22:13:20.123Z",
    ],
    [{ type: "date", transforms: [{ kind: "epoch_seconds" }] }, "253402300799.999999", "9999-12-31"],
    [{ type: "date", transforms: [{ kind: "epoch_seconds" }] }, "1700000000", "2023-11-14"],
    [{ type: "date", transforms: [{ kind: "epoch_seconds" }] }, '"soon"', "field_not_number"],
    [{ type: "jsonb", transforms: [json] }, '"{\\"a\\":1.50}"', '{"a":1.50}'],
    [{ type: "numeric", transforms: [json] }, '"1.50"', "1.50"],
    [{ type: "text", transforms: [json] }, '"\\"x\\""', "x"],
    [{ type: "text", transforms: [json, trim] }, '"\\" x \\""', "x"],
    [{ type: "jsonb", transforms: [json] }, '"{"', "field_not_json"],
    [{ type: "jsonb", transforms: [json] }, '{"a":1}', "field_not_text"],
    [{ type: "jsonb", transforms: [json] }, '"null"', null],
    [{ type: "jsonb", transforms: [json], default: "[]" }, '"null"', "[]"],
    [{ type: "jsonb", transforms: [json], required: true }, '"null"', "field_null"],
    [{ type: "jsonb", transforms: [json] }, '"\\"\\\\u0000\\""', "text_nul"],
  ])("%j of %s: %p", (changes, value, outcome) => {
    expect(told(changes, value)).toBe(outcome);
  });
});

describe("an absent or null value", () => {
  const cases: [Partial<ColumnMapping>, string | null, string | null][] = [
    [{}, null, null],
    [{ required: true }, "field_missing", "field_null"],
    [{ default: "none" }, "none", "none"],
    [{ default: " NONE ", transforms: [trim, lowercase] }, "none", "none"],
    [{ default: 0, type: "integer" }, "0", "0"],
    [{ default: 1.5, type: "numeric" }, "1.5", "1.5"],
    [{ default: false, type: "boolean" }, "false", "false"],
    [{ default: "x", transforms: [{ kind: "mask", method: "sha256" }] }, sha256("x"), sha256("x")],
    [
      { default: 0, type: "timestamptz", transforms: [{ kind: "epoch_seconds" }] },
      "1970-01-01T00:00:00Z",
      "1970-01-01T00:00:00Z",
    ],
    [{ transforms: [{ kind: "mask" }] }, null, null],
    [{ transforms: [{ kind: "mask", method: "redact" }] }, null, null],
  ];
  test.each(cases)("%j: %p, %p", (changes, missing, isNull) => {
    expect(told(changes, undefined)).toBe(missing);
    expect(told(changes, "null")).toBe(isNull);
  });

  test("the default stands in for nothing else", () => {
    expect(told({ default: "none" }, '""')).toBe("");
    expect(told({ default: "none" }, "5")).toBe("field_not_text");
  });
});

describe("an empty string", () => {
  const mask: Transform = { kind: "mask", method: "sha256" };
  test.each<[Partial<ColumnMapping>, empty: string | null, blank: string | null]>([
    [{}, "", "  "],
    [{ transforms: [trim] }, "", ""],
    [{ empty: "null" }, null, "  "],
    [{ empty: "null", transforms: [trim, lowercase] }, null, null],
    [{ empty: "null", type: "integer" }, null, "field_not_integer"],
    [{ empty: "null", required: true }, "field_empty", "  "],
    [{ empty: "null", default: "none" }, "none", "  "],
    [{ empty: "reject", transforms: [trim] }, "field_empty", "field_empty"],
    [{ transforms: [mask] }, null, sha256("  ")],
    [{ transforms: [trim, mask] }, null, null],
    [{ transforms: [trim, mask], required: true }, "field_empty", "field_empty"],
    [{ transforms: [mask], empty: "keep" }, sha256(""), sha256("  ")],
    [{ transforms: [{ kind: "mask", method: "truncate" }], type: "inet" }, null, "field_not_address"],
    [{ transforms: [{ kind: "mask", method: "redact" }] }, null, "[redacted]"],
  ])("%j: %p, and of white space %p", (changes, empty, blank) => {
    expect(told(changes, '""')).toBe(empty);
    expect(told(changes, '"  "')).toBe(blank);
  });

  test("in JSON in a string is one, too", () => {
    expect(told({ transforms: [json, mask] }, '"\\"\\""')).toBeNull();
    expect(told({ transforms: [json, trim], empty: "reject" }, '"\\" \\""')).toBe("field_empty");
  });

  test("that is the default of a masked column is what a person wrote, and is masked", () => {
    expect(told({ default: "", transforms: [mask] }, undefined)).toBe(sha256(""));
  });
});

describe("masks", () => {
  const mask = (method: "hmac" | "sha256" | "truncate" | "redact"): Transform => ({ kind: "mask", method });
  test.each<[Partial<ColumnMapping>, string, string]>([
    [{ transforms: [mask("redact")] }, '"secret"', "[redacted]"],
    [{ transforms: [mask("truncate")], type: "inet" }, '"192.0.2.7"', "192.0.2.0/24"],
    [{ transforms: [mask("truncate")], type: "inet" }, '"192.0.2.7/32"', "field_not_address"],
    [{ transforms: [mask("truncate")] }, '"unknown"', "field_not_address"],
    [{ transforms: [trim, mask("sha256")] }, '" x "', sha256("x")],
    [{ transforms: [mask("sha256")], type: "bigint" }, "5.0", sha256("5")],
    [{ transforms: [mask("sha256")], type: "bigint" }, '"5"', sha256("5")],
    [
      { transforms: [mask("sha256")], type: "timestamptz" },
      '"2024-01-01T01:00:00+01:00"',
      sha256("2024-01-01T00:00:00Z"),
    ],
    [{ transforms: [mask("sha256")], type: "bigint" }, '"five"', "field_not_integer"],
    [{ transforms: [mask("redact")] }, "5", "field_not_text"],
    [
      { transforms: [{ kind: "mask", method: "hmac", canonical: "ip" }], type: "inet" },
      '"unknown"',
      "field_not_address",
    ],
  ])("%j of %s: %s", (changes, value, outcome) => {
    expect(told(changes, value)).toBe(outcome);
  });

  test("an address masks as the reference job's, whether its type is inet or not", () => {
    const ip = (type: "text" | "inet") =>
      told({ type, transforms: [{ kind: "mask", canonical: "ip" }] }, '"::ffff:192.0.2.1"');
    expect(ip("inet")).toBe(ip("text"));
    expect(ip("inet")).toBe(masker.forField("f")("192.0.2.1") as string);
  });

  test("the key goes by the source's name, whatever the column is called", () => {
    const outcome = mapOf({ source: at("user", "ip"), column: "any", transforms: [{ kind: "mask" }] })(
      '{"user":{"ip":"x"}}',
    );
    expect(outcome).toHaveProperty("rows.0", [masker.forField("user.ip")("x") as string]);
  });
});

describe("a path into the body", () => {
  /** The value at the path as JSON, or the reason why the column cannot have one. */
  function found(path: readonly string[], text: string): string {
    const outcome = mapOf({ source: at(...path), type: "jsonb", required: true })(text);
    return isRefusal(outcome) ? outcome.reason : (outcome.rows[0]?.[0] as string);
  }

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
    expect(found(path, rfc)).toBe(value);
  });

  const text =
    '{"user":{"id":7,"none":null,"0":"zero"},"list":[[1,{"x":1.50}],null],"text":"ab","number":1.5,"nothing":null}';
  test.each<[string, ...string[][]]>([
    ["7", ["user", "id"]],
    ['"zero"', ["user", "0"]],
    ["1.50", ["list", "0", "1", "x"]],
    ["field_null", ["nothing"], ["user", "none"], ["list", "1"]],
    [
      "field_missing",
      ["absent"],
      ["user", "absent"],
      ["user", "absent", "deeper"],
      ["user", "none", "deeper"],
    ],
    ["field_missing", ["nothing", "deeper"], ["list", "2"], ["list", "99999999999999999999"]],
    [
      "field_not_reachable",
      ["list", "00"],
      ["list", "-1"],
      ["list", "-"],
      ["list", "1e0"],
      ["list", "length"],
    ],
    ["field_not_reachable", ["text", "0"], ["text", "length"], ["number", "rawJSON"], ["user", "id", "x"]],
  ])("%s at %j", (outcome, ...paths) => {
    for (const path of paths) expect([path, found(path, text)]).toEqual([path, outcome]);
  });

  test("sees own fields only, on every step", () => {
    const inherited = [
      "__proto__",
      "constructor",
      "prototype",
      "toString",
      "hasOwnProperty",
      "length",
      "map",
    ];
    const name = fc.constantFrom(...inherited, "name");
    fc.assert(
      fc.property(
        fc.array(name, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("{}", "[]", '"text"', "1.5", "5", "true"),
        (names, leaf) => {
          const outcome = found(["deep", ...names], `{"deep":${leaf}}`);
          expect(["field_missing", "field_not_reachable"]).toContain(outcome);
          expect(found(names, "{}")).toBe("field_missing");
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
        expect(found(["top", ...path], `{"top":${document}}`)).toBe('"found"');
      }),
    );
  });
});

describe("a fact of the message, an attribute, a constant", () => {
  test.each<[Partial<ColumnMapping>, string | null]>([
    [{ source: { in: "message", fact: "sent_at" }, type: "timestamptz" }, "2023-11-14T22:13:20.123Z"],
    [{ source: { in: "message", fact: "sent_at" }, type: "date" }, "2023-11-14"],
    [{ source: { in: "message", fact: "received_at" }, type: "timestamptz" }, "2023-11-14T22:13:21Z"],
    [{ source: { in: "message", fact: "receive_count" }, type: "integer" }, "2"],
    [{ source: { in: "message", fact: "message_id" } }, "m-1"],
    [{ source: { in: "message", fact: "message_id" }, type: "uuid" }, "field_not_uuid"],
    [{ source: { in: "message", fact: "group_id" } }, null],
    [{ source: { in: "attributes", name: "n" }, type: "integer" }, "5"],
    [{ source: { in: "attributes", name: "kind" } }, "login"],
    [{ source: { in: "attributes", name: "Kind" } }, null],
    [{ source: { in: "attributes", name: "__proto__" } }, "p"],
    [{ source: { in: "attributes", name: "constructor" } }, null],
    [{ source: { in: "attributes", name: "b" } }, "attribute_not_text"],
    [{ source: { in: "attributes", name: "x" }, required: true }, "field_missing"],
    [{ source: { in: "constant", value: "shop" } }, "shop"],
    [{ source: { in: "constant", value: 5 }, type: "integer" }, "5"],
    [{ source: { in: "constant", value: true }, type: "boolean" }, "true"],
    [{ source: { in: "constant", value: '{"a":1}' }, type: "jsonb", transforms: [json] }, '{"a":1}'],
  ])("%j: %p", (changes, outcome) => {
    const attributes = [
      { name: "n", dataType: "Number.int", value: "5" },
      { name: "b", dataType: "Binary.png", value: "AA==" },
      { name: "kind", dataType: "String", value: "login" },
      { name: "__proto__", dataType: "String", value: "p" },
    ];
    expect(told(changes, undefined, { attributes })).toBe(outcome);
  });

  test("a FIFO queue's message has a group", () => {
    expect(told({ source: { in: "message", fact: "group_id" } }, undefined, { groupId: "g" })).toBe("g");
  });

  test("are not the body's to say", () => {
    const text = '{"$message_id":"x","messageId":"y","kind":"z"}';
    expect(mapOf({ source: { in: "message", fact: "message_id" } })(text)).toHaveProperty("rows.0.0", "m-1");
    expect(mapOf({ source: { in: "attributes", name: "kind" } })(text)).toHaveProperty("rows.0.0", null);
  });
});

describe("the live table's limits", () => {
  const limited = (changes: Partial<ColumnMapping>, limit: Partial<ColumnLimit>, f?: unknown) =>
    mapOf(changes, new Map([["c", { nullable: true, ...limit }]]))(JSON.stringify({ f }));
  const refused = (reason: string) => ({ messageId: "m-1", reason, path: "f", column: "c" }) as never;

  test.each<[maxCharacters: number, fit: string[], tooLong: string[]]>([
    [0, [""], ["a", "😀"]],
    [1, ["a", "😀"], ["e\u0301"]],
    [2, ["RU", "😀😀"], ["RUS", "😀😀😀", "a😀b"]],
    [3, ["abc", "😀😀😀", "a😀b"], ["abcd", "abc   "]],
  ])("%d characters: %j fit, %j do not", (maxCharacters, fit, tooLong) => {
    for (const f of fit) expect(limited({}, { maxCharacters }, f)).toHaveProperty("rows.0", [f]);
    for (const f of tooLong)
      expect(limited({}, { maxCharacters }, f)).toStrictEqual(refused("text_too_long"));
  });

  test("hold for the pseudonym, not for the value", () => {
    const masked = { transforms: [{ kind: "mask" }] } as const;
    const { hmac } = pseudonymCharacters;
    expect(limited(masked, { maxCharacters: hmac }, "x".repeat(1000))).toHaveProperty("rows.0");
    expect(limited(masked, { maxCharacters: hmac - 1 }, "x")).toStrictEqual(refused("text_too_long"));
  });

  test("a column that takes no null refuses one, present or absent", () => {
    for (const f of [null, undefined])
      expect(limited({}, { nullable: false }, f)).toStrictEqual(refused("null_not_allowed"));
    expect(limited({}, { nullable: false }, "x".repeat(1_000_000))).toHaveProperty("rows.0");
  });

  test("a required field's own reason comes first", () => {
    const outcome = (f?: unknown) => limited({ required: true }, { maxCharacters: 1, nullable: false }, f);
    expect(outcome()).toStrictEqual({ messageId: "m-1", reason: "field_missing", path: "f" });
    expect(outcome(12)).toStrictEqual({ messageId: "m-1", reason: "field_not_text", path: "f" });
  });

  test.each([
    ["numeric", 1.25, 2, undefined],
    ["numeric", 1.25, 1, "number_too_precise"],
    ["numeric", "1.2500", 2, undefined],
    ["numeric", "125e-3", 2, "number_too_precise"],
    ["numeric", "1500e-2", 0, undefined],
    ["numeric", "0e-9", 0, undefined],
    ["timestamptz", "2024-01-01T00:00:00.120Z", 2, undefined],
    ["timestamptz", "2024-01-01T00:00:00.123Z", 2, "time_too_precise"],
    ["timestamptz", "2024-01-01T00:00:00Z", 0, undefined],
    ["text", "0.123", 0, undefined],
  ] as const)("%s %p in %d digits after the point: %p", (type, f, maxFractionDigits, reason) => {
    const outcome = limited({ type }, { maxFractionDigits }, f);
    if (reason === undefined) expect(outcome).toHaveProperty("rows.0");
    else expect(outcome).toStrictEqual(refused(reason));
  });

  test("are looked up by column, not by field", () => {
    const map = mapOf({}, new Map([["f", { maxCharacters: 1, nullable: false }]]));
    expect(map('{"f":"long"}')).toHaveProperty("rows.0", ["long"]);
  });

  test("characters are counted as Array.from does, which takes a text apart by code points", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), fc.nat(20), (text, max) => {
        expect(fitsCharacters(text, max)).toBe(Array.from(text).length <= max);
      }),
    );
  });
});

test("any body, through every type and transform, is a row or a reason, and no reason holds any of it", () => {
  const canary = "cAnArY7f3";
  const steps: Transform[][] = [
    [],
    [trim],
    [lowercase],
    [json],
    [{ kind: "mask", method: "redact" }],
    [trim, json, { kind: "mask" }],
  ];
  const columns = columnTypes.flatMap((type) =>
    steps.map((transforms) => mapOf({ type, transforms, source: at("f", "0") })),
  );
  const value = fc.oneof(
    fc.json(),
    fc.json().map((text) => JSON.stringify(text)),
    fc.string({ unit: "binary" }).map((text) => JSON.stringify(canary + text)),
    fc.constantFrom("1.5", "1e999", '{"reason":"x","path":"y"}', `{"${canary}":"\\u0000"}`, "null"),
  );
  fc.assert(
    fc.property(value, fc.boolean(), (item, isArray) => {
      const text = isArray ? `{"f":[${item}]}` : `{"f":{"0":${item}}}`;
      for (const map of columns) {
        const outcome = map(text);
        if (isRefusal(outcome)) expect(JSON.stringify(outcome)).not.toContain(canary);
        else expect(outcome.rows[0]?.[0] === null || typeof outcome.rows[0]?.[0] === "string").toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
