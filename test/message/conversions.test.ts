import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { conversions, textFault, versionPacking } from "../../src/message/conversions.ts";
import { parseExactJson } from "../../src/message/json.ts";
import { type ColumnType, columnTypes, type VersionBits } from "../../src/message/mapping.ts";
import { isRefusal } from "../../src/message/message.ts";

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
  ["numeric", "0e131071", "0e131071"],
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

const refused: readonly [reason: string, ColumnType, ...jsons: string[]][] = [
  ["field_not_text", "text", "5", "1.5", "true", "{}"],
  ["text_nul", "text", '"\\u0000"'],
  ["text_lone_surrogate", "text", '"\\ud800"'],
  ["field_not_integer", "integer", "1.5", "2147483647.000000000000001", "1e-1", '"5.0"', '"5e3"', '"05"'],
  ["field_not_integer", "integer", '"+5"', '" 5"', '""', "true", "[5]"],
  ["integer_out_of_range", "integer", "2147483648", "-2147483649", "1e400"],
  ["integer_out_of_range", "bigint", "9223372036854775808", '"-9223372036854775809"'],
  ["field_not_integer", "bigint", '"9223372036854775807.5"'],
  ["field_not_number", "numeric", '"NaN"', '"Infinity"', '"1,5"', '""', "true"],
  ["number_out_of_range", "numeric", "1e131072", "0e131072", "1e-16384", "1e99999999999999999999"],
  ["field_not_boolean", "boolean", '"TRUE"', '"t"', '"yes"', "1", "0"],
  ["field_not_date", "date", '"2026-02-30"', '"2023-02-29"', '"1900-02-29"', '"0000-01-01"', '"2024-1-1"'],
  ["field_not_date", "date", '"01/02/2024"', '"2024-01-01T00:00:00Z"', "20240101", '"infinity"', '"today"'],
  ["field_not_time", "timestamptz", "1700000000", '"now"'],
  ["field_not_uuid", "uuid", '"5d1c9a520b1f4a539e670f4d6f1f8a10"', "5"],
  ["field_not_uuid", "uuid", '"{5d1c9a52-0b1f-4a53-9e67-0f4d6f1f8a10}"'],
  ["field_not_address", "inet", '"unknown"', '"192.0.2.1:80"', '"192.0.2.1/33"', '"192.0.2.1/"'],
  ["field_not_address", "inet", '"192.0.2.1/08"', '"2001:db8::/129"', '"192.0.2"', '"fe80::1%eth0"', "5"],
  ["field_not_address", "inet", '"192.0.2.1/24/24"', '"/24"', '"192.0.2.1\\n"', '"::/100000000000"'],
  ["text_nul", "jsonb", '{"a":["\\u0000"]}', '{"a\\u0000":1}'],
  ["text_lone_surrogate", "jsonb", '{"a":{"b":"\\udc00"}}', '{"\\ud800":1}'],
  ["number_out_of_range", "jsonb", '{"a":[1e131072]}'],
];

test.each(accepted)("%s of %s is %s", (type, json, stored) => {
  expect(converted(type, json)).toBe(stored);
});

test.each(refused)("%s: a column of %s from %s", (reason, type, ...jsons) => {
  for (const json of jsons) expect([json, converted(type, json)]).toEqual([json, reason]);
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

test.each([
  [undefined, "", "RU", "日本 😀 <&>\"' \u2028\u001b[31m", "\ufffd\uffff"],
  ["text_nul", "\u0000", "abc\u0000"],
  ["text_lone_surrogate", "\ud800", "a\udfffb", "\ude00\ud83d"],
])("a text's fault: %p", (fault, ...texts) => {
  for (const text of texts) expect(textFault(text as string)).toBe(fault as ReturnType<typeof textFault>);
});

const packVersion = versionPacking([15, 8, 8]);
const maxInt4 = 2_147_483_647;

function packed(text: unknown, bits?: VersionBits): string {
  const outcome = (bits === undefined ? packVersion : versionPacking(bits))(text, "app_version");
  if (!isRefusal(outcome)) return outcome;
  expect(Object.keys(outcome)).toEqual(["reason", "path"]);
  expect(outcome.path).toBe("app_version");
  return outcome.reason;
}

describe("a version", () => {
  test.each([
    ["2.3.0", 131_840],
    ["0.96", 24_576],
    ["1", 65_536],
    ["0", 0],
    ["0.0.1", 1],
    ["1.0", 65_536],
    ["1.0.0", 65_536],
    ["255.255.255", 16_777_215],
    ["256.0.0", 16_777_216],
    ["32767.255.255", maxInt4],
    ["6.02", 393_728],
    ["6.2", 393_728],
    ["2.00", 131_072],
    ["000000000000000000000000000000001.2", 66_048],
  ])("%s is %d", (text, integer) => {
    expect(packed(text)).toBe(String(integer));
  });

  test.each([
    ["version_not_text", 2.3, {}, [], true, ["1.2"]],
    ["text_nul", "1\u0000"],
    ["text_lone_surrogate", "\ud800"],
    ["version_empty_part", "", "1.", ".1", "1..2", "."],
    ["version_signed", "-1.2", "+1", "1.-2", "-", "-0"],
    ["version_not_numeric", "v1.2", "1.2b", "1.2-beta", " 1.2", "1.2 ", "1.2\n", "1. 2", "1,2", "secret"],
    ["version_not_numeric", "1e1", "0x10", "1_0", "Infinity", "١.٢", "１.２", "1。2"],
    ["version_too_many_parts", "1.2.3.4", "1.2.3.", "1.2.3.0", "-1.x.3.4", ".".repeat(1_000_000)],
    ["version_out_of_range", "0.256", "0.0.256", "32768", "1.4294967297"],
    ["version_out_of_range", "9".repeat(16), "9".repeat(400), `1.${"9".repeat(1_000_000)}`],
  ])("%s", (reason, ...texts) => {
    for (const text of texts) expect(packed(text)).toBe(reason as string);
  });

  const triple = fc.tuple(fc.nat(32_767), fc.nat(255), fc.nat(255));

  test("every triple in range fits an integer, sorts as versions do, and has an integer of its own", () => {
    fc.assert(
      fc.property(triple, triple, (one, other) => {
        const packedOne = Number(packVersion(one.join("."), "v"));
        const packedOther = Number(packVersion(other.join("."), "v"));
        expect(packedOne).toBeWithin(0, maxInt4 + 1);
        expect(Math.sign(packedOne - packedOther)).toBe(compared(one, other));
      }),
    );
  });

  test("any triple of numbers is packed without loss, or refused", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(70_000), { minLength: 3, maxLength: 3 }), (parts) => {
        const outcome = packed(parts.join("."));
        if (outcome === "version_out_of_range") return;
        expect([Number(outcome) >> 16, (Number(outcome) >> 8) & 255, Number(outcome) & 255]).toEqual(parts);
      }),
    );
  });

  test("any text is an integer or a reason", () => {
    const lookalike = fc.string({ unit: fc.constantFrom(..."0123456789.-+ ev") });
    fc.assert(
      fc.property(fc.oneof(lookalike, fc.string({ unit: "binary" })), (text) => {
        expect(packed(text)).toMatch(/^((version|text)_[a-z_]+|0|[1-9][0-9]{0,9})$/);
      }),
    );
  });
});

describe("a version with bits of its own", () => {
  test.each<[VersionBits, string, string]>([
    [[31, 16, 16], "2147483647.65535.65535", "9223372036854775807"],
    [[31, 16, 16], "1.0.1", "4294967297"],
    [[31, 16, 16], "2147483648", "version_out_of_range"],
    [[31, 16, 16], "1.65536", "version_out_of_range"],
    [[61, 1, 1], "2305843009213693951.1.1", "9223372036854775807"],
    [[61, 1, 1], "2305843009213693952", "version_out_of_range"],
    [[61, 1, 1], `${"0".repeat(100)}7.1`, "30"],
    [[1, 1, 51], "1.1.2251799813685247", "9007199254740991"],
    [[1, 1, 51], "1.1.2251799813685248", "version_out_of_range"],
    [[1, 1, 51], "2", "version_out_of_range"],
    [[61, 1, 1], "9".repeat(1_000_000), "version_out_of_range"],
    [[18, 18, 18], "262143.262143.262143", "18014398509481983"],
  ])("%j: %.50s is %s", (bits, text, outcome) => {
    expect(packed(text, bits)).toBe(outcome);
  });

  const bits = fc
    .tuple(fc.integer({ min: 1, max: 61 }), fc.integer({ min: 1, max: 61 }), fc.integer({ min: 1, max: 61 }))
    .filter((each) => each[0] + each[1] + each[2] <= 63);

  test("a version is packed as bigints pack it, or refused", () => {
    const part = fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 62n }));
    fc.assert(
      fc.property(bits, fc.tuple(part, part, part), (widths, parts) => {
        const fits = parts.every((each, index) => each < 2n ** BigInt(widths[index] as number));
        const expected = parts.reduce(
          (sum, each, index) => (sum << BigInt(widths[index] as number)) | each,
          0n,
        );
        expect(packed(parts.join("."), widths)).toBe(fits ? String(expected) : "version_out_of_range");
      }),
      { numRuns: 2000 },
    );
  });
});

type Triple = readonly [number, number, number];

function compared(one: Triple, other: Triple): number {
  return Math.sign(one[0] - other[0]) || Math.sign(one[1] - other[1]) || Math.sign(one[2] - other[2]);
}
