import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { conversions } from "../../../src/message/conversions/conversion.ts";
import { parseExactJson } from "../../../src/message/json.ts";
import { type ColumnType, columnTypes } from "../../../src/message/mapping.ts";
import { isRefusal } from "../../../src/message/rejection.ts";

/** Converts a value as it stands in a body. */
function converted(type: ColumnType, json: string): string {
  const value = parseExactJson(json);
  if (value === undefined || value === null) throw new Error(`not a value: ${json}`);
  const outcome = conversions[type](value, "f");
  if (!isRefusal(outcome)) return outcome;
  expect(Object.keys(outcome)).toEqual(["reason", "path"]);
  expect(outcome.path).toBe("f");
  return outcome.reason;
}

const accepted: readonly [ColumnType, json: string, stored: string][] = [
  ["text", '""', ""],
  ["text", '" a\\n"', " a\n"],
  ["integer", "0", "0"],
  ["integer", "-0", "0"],
  ["integer", "2147483647", "2147483647"],
  ["integer", "-2147483648", "-2147483648"],
  ["integer", "5.0", "5"],
  ["integer", "5e3", "5000"],
  ["integer", "12300e-2", "123"],
  ["integer", '"-7"', "-7"],
  ["integer", '"-0"', "0"],
  ["bigint", "2147483648", "2147483648"],
  ["bigint", "9223372036854775807", "9223372036854775807"],
  ["bigint", '"-9223372036854775808"', "-9223372036854775808"],
  ["bigint", "9007199254740993", "9007199254740993"],
  ["numeric", "5", "5"],
  ["numeric", "1.10", "1.10"],
  ["numeric", '"1.10"', "1.10"],
  ["numeric", "12345678901234567890.123456789012345678901", "12345678901234567890.123456789012345678901"],
  ["numeric", "1e131071", "1e131071"],
  ["numeric", "1e-16383", "1e-16383"],
  ["boolean", "true", "true"],
  ["boolean", "false", "false"],
  ["boolean", '"true"', "true"],
  ["boolean", '"false"', "false"],
  ["date", '"2024-02-29"', "2024-02-29"],
  ["date", '"0001-01-01"', "0001-01-01"],
  ["date", '"9999-12-31"', "9999-12-31"],
  ["timestamptz", '"2024-02-29T23:59:59Z"', "2024-02-29T23:59:59Z"],
  ["uuid", '"5D1C9A52-0b1f-4a53-9e67-0f4d6f1f8a10"', "5d1c9a52-0b1f-4a53-9e67-0f4d6f1f8a10"],
  ["inet", '"192.0.2.1"', "192.0.2.1"],
  ["inet", '"192.0.2.0/24"', "192.0.2.0/24"],
  ["inet", '"2001:DB8::1"', "2001:DB8::1"],
  ["inet", '"::ffff:192.0.2.1"', "::ffff:192.0.2.1"],
  ["inet", '"2001:db8::/128"', "2001:db8::/128"],
  ["jsonb", '{"b": [1, 2.50, "x", null, true], "a": {}}', '{"b":[1,2.50,"x",null,true],"a":{}}'],
  ["jsonb", '"x"', '"x"'],
  ["jsonb", "1.10", "1.10"],
  ["jsonb", "false", "false"],
  [
    "jsonb",
    '{"reason":"x","rawJSON":"1.5","__proto__":{"toJSON":1}}',
    '{"reason":"x","rawJSON":"1.5","__proto__":{"toJSON":1}}',
  ],
];

const refused: readonly [ColumnType, json: string, reason: string][] = [
  ["text", "5", "field_not_text"],
  ["text", "1.5", "field_not_text"],
  ["text", "true", "field_not_text"],
  ["text", "{}", "field_not_text"],
  ["text", '"\\u0000"', "text_nul"],
  ["text", '"\\ud800"', "text_lone_surrogate"],
  ["integer", "1.5", "field_not_integer"],
  ["integer", "2147483647.000000000000001", "field_not_integer"],
  ["integer", "1e-1", "field_not_integer"],
  ["integer", "2147483648", "integer_out_of_range"],
  ["integer", "-2147483649", "integer_out_of_range"],
  ["integer", "1e400", "integer_out_of_range"],
  ["integer", '"5.0"', "field_not_integer"],
  ["integer", '"5e3"', "field_not_integer"],
  ["integer", '"05"', "field_not_integer"],
  ["integer", '"+5"', "field_not_integer"],
  ["integer", '" 5"', "field_not_integer"],
  ["integer", '""', "field_not_integer"],
  ["integer", "true", "field_not_integer"],
  ["integer", "[5]", "field_not_integer"],
  ["bigint", "9223372036854775808", "integer_out_of_range"],
  ["bigint", '"-9223372036854775809"', "integer_out_of_range"],
  ["bigint", '"9223372036854775807.5"', "field_not_integer"],
  ["numeric", '"NaN"', "field_not_number"],
  ["numeric", '"Infinity"', "field_not_number"],
  ["numeric", '"1,5"', "field_not_number"],
  ["numeric", '""', "field_not_number"],
  ["numeric", "true", "field_not_number"],
  ["numeric", "1e131072", "number_out_of_range"],
  ["numeric", "1e-16384", "number_out_of_range"],
  ["numeric", "1e99999999999999999999", "number_out_of_range"],
  ["boolean", '"TRUE"', "field_not_boolean"],
  ["boolean", '"t"', "field_not_boolean"],
  ["boolean", '"yes"', "field_not_boolean"],
  ["boolean", "1", "field_not_boolean"],
  ["boolean", "0", "field_not_boolean"],
  ["date", '"2026-02-30"', "field_not_date"],
  ["date", '"2023-02-29"', "field_not_date"],
  ["date", '"1900-02-29"', "field_not_date"],
  ["date", '"0000-01-01"', "field_not_date"],
  ["date", '"2024-1-1"', "field_not_date"],
  ["date", '"01/02/2024"', "field_not_date"],
  ["date", '"2024-01-01T00:00:00Z"', "field_not_date"],
  ["date", "20240101", "field_not_date"],
  ["date", '"infinity"', "field_not_date"],
  ["date", '"today"', "field_not_date"],
  ["timestamptz", "1700000000", "field_not_time"],
  ["timestamptz", '"now"', "field_not_time"],
  ["uuid", '"5d1c9a520b1f4a539e670f4d6f1f8a10"', "field_not_uuid"],
  ["uuid", '"{5d1c9a52-0b1f-4a53-9e67-0f4d6f1f8a10}"', "field_not_uuid"],
  ["uuid", "5", "field_not_uuid"],
  ["inet", '"unknown"', "field_not_address"],
  ["inet", '"192.0.2.1:80"', "field_not_address"],
  ["inet", '"192.0.2.1/33"', "field_not_address"],
  ["inet", '"192.0.2.1/"', "field_not_address"],
  ["inet", '"192.0.2.1/08"', "field_not_address"],
  ["inet", '"2001:db8::/129"', "field_not_address"],
  ["inet", '"192.0.2"', "field_not_address"],
  ["inet", '"fe80::1%eth0"', "field_not_address"],
  ["inet", "5", "field_not_address"],
  ["jsonb", '{"a":["\\u0000"]}', "text_nul"],
  ["jsonb", '{"a\\u0000":1}', "text_nul"],
  ["jsonb", '{"a":{"b":"\\udc00"}}', "text_lone_surrogate"],
  ["jsonb", '{"\\ud800":1}', "text_lone_surrogate"],
  ["jsonb", '{"a":[1e131072]}', "number_out_of_range"],
];

test.each(accepted)("%s of %s is %s", (type, json, stored) => {
  expect(converted(type, json)).toBe(stored);
});

test.each(refused)("%s of %s: %s", (type, json, reason) => {
  expect(converted(type, json)).toBe(reason);
});

test("jsonb may be nested a thousand levels deep, and one that is deeper does not throw", () => {
  const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  expect(converted("jsonb", nested(1000))).toBe(nested(1000));
  expect(converted("jsonb", nested(1001))).toBe("json_too_deep");
  expect(converted("jsonb", nested(1_000_000))).toBe("json_too_deep");
});

test("numbers of a million digits are decided at once", () => {
  const digits = "9".repeat(1_000_000);
  for (const json of [digits, `0.${digits}`, `1e${digits}`]) {
    expect(converted("numeric", json)).toBe("number_out_of_range");
    expect(converted("bigint", json)).toMatch(/^(integer_out_of_range|field_not_integer)$/);
  }
});

describe("any value", () => {
  test("is a text or a reason, as every type, and no reason holds any of it", () => {
    const canary = "cAnArY7f3";
    const value = fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: "binary" }).map((text) => canary + text),
      fc.constantFrom<unknown>(Number.NaN, -0, 2 ** 53, { reason: canary, path: canary }, [[canary]], {
        toJSON: canary,
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...columnTypes), value, (type, hostile) => {
        fc.pre(hostile !== null);
        const outcome = conversions[type](hostile, "f");
        if (isRefusal(outcome)) expect(JSON.stringify(outcome)).not.toContain(canary);
        else expect(outcome).toBeString();
      }),
      { numRuns: 5000 },
    );
  });

  test("an integer keeps its value or is refused", () => {
    const near = fc.oneof(
      fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
      fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }),
    );
    fc.assert(
      fc.property(near, fc.boolean(), (integer, asText) => {
        const json = asText ? `"${integer}"` : String(integer);
        for (const [type, bits] of [
          ["integer", 32],
          ["bigint", 64],
        ] as const)
          expect(converted(type, json)).toBe(
            BigInt.asIntN(bits, integer) === integer ? String(integer) : "integer_out_of_range",
          );
      }),
    );
  });

  test("what inet takes, node:net takes", () => {
    const lookalike = fc.string({ unit: fc.constantFrom(..."0123456789abf::.."), maxLength: 20 });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), lookalike), (text) => {
        expect(isRefusal(conversions.inet(text, "f"))).toBe(isIP(text) === 0);
      }),
      { numRuns: 2000 },
    );
  });
});
