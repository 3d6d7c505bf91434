import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { compileMapping } from "../../src/message/mapper.ts";
import { type ColumnMapping, columnTypes, type Transform } from "../../src/message/mapping.ts";
import type { Message } from "../../src/message/message.ts";
import { isRefusal } from "../../src/message/rejection.ts";
import { createMasker } from "../../src/message/transforms/mask.ts";

const masker = createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) });
const body = { envelope: "none", encoding: "none" } as const;

function messageOf(text: string, changes: Partial<Message> = {}): Message {
  const ref = { messageId: "m-1", receiptHandle: "r-1", sentAtMillis: 1_700_000_000_123, receiveCount: 2 };
  return { ...ref, body: text, bodyIntact: true, ...changes };
}

function mapOf(changes: Partial<ColumnMapping>) {
  const source = { in: "body", path: ["f"] } as const;
  const column = { column: "c", source, type: "text", transforms: [], required: false, ...changes } as const;
  return compileMapping(
    { columns: [column], conflict: { action: "reject" } },
    { masker, limits: new Map(), body, now: () => 1_700_000_001_000 },
  );
}

/** The cell of a body whose field `f` is written so, or the reason why there is none. */
function told(changes: Partial<ColumnMapping>, json: string | undefined, message: Partial<Message> = {}) {
  const outcome = mapOf(changes)(messageOf(json === undefined ? "{}" : `{"f":${json}}`, message));
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

  test("the key goes by the source's name", () => {
    const source = { in: "body", path: ["user", "ip"] } as const;
    const outcome = mapOf({ source, transforms: [{ kind: "mask" }] })(messageOf('{"user":{"ip":"x"}}'));
    expect(outcome).toHaveProperty("rows.0", [masker.forField("user.ip")("x") as string]);
  });
});

describe("sources", () => {
  test.each<[Partial<ColumnMapping>, string | null]>([
    [{ source: { in: "message", fact: "sent_at" }, type: "timestamptz" }, "2023-11-14T22:13:20.123Z"],
    [{ source: { in: "message", fact: "sent_at" }, type: "date" }, "2023-11-14"],
    [{ source: { in: "message", fact: "received_at" }, type: "timestamptz" }, "2023-11-14T22:13:21Z"],
    [{ source: { in: "message", fact: "receive_count" }, type: "integer" }, "2"],
    [{ source: { in: "message", fact: "message_id" } }, "m-1"],
    [{ source: { in: "message", fact: "message_id" }, type: "uuid" }, "field_not_uuid"],
    [{ source: { in: "message", fact: "group_id" } }, null],
    [{ source: { in: "attributes", name: "n" }, type: "integer" }, "5"],
    [{ source: { in: "attributes", name: "b" } }, "attribute_not_text"],
    [{ source: { in: "attributes", name: "x" }, required: true }, "field_missing"],
    [{ source: { in: "constant", value: "shop" } }, "shop"],
    [{ source: { in: "constant", value: 5 }, type: "integer" }, "5"],
    [{ source: { in: "constant", value: true }, type: "boolean" }, "true"],
    [{ source: { in: "constant", value: '{"a":1}' }, type: "jsonb", transforms: [json] }, '{"a":1}'],
  ])("%j: %p", (changes, outcome) => {
    const attributes = [
      { name: "n", dataType: "Number", value: "5" },
      { name: "b", dataType: "Binary", value: "AA==" },
    ];
    expect(told(changes, undefined, { attributes })).toBe(outcome);
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
    steps.map((transforms) => mapOf({ type, transforms, source: { in: "body", path: ["f", "0"] } })),
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
        const outcome = map(messageOf(text));
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
