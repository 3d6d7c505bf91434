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

describe("textFault", () => {
  test.each([
    ["", undefined],
    ["RU", undefined],
    ["日本 😀 <&>\"' \u2028\u001b[31m", undefined],
    ["\ufffd\uffff", undefined],
    ["\u0000", "text_nul"],
    ["abc\u0000", "text_nul"],
    ["\ud800", "text_lone_surrogate"],
    ["a\udfffb", "text_lone_surrogate"],
    ["\ude00\ud83d", "text_lone_surrogate"],
  ] as const)("%j: %p", (text, fault) => {
    expect(textFault(text)).toBe(fault as ReturnType<typeof textFault>);
  });
});

const packVersion = versionPacking([15, 8, 8]);
const maxInt4 = 2_147_483_647;

function reasonOf(text: string): string {
  const outcome = packVersion(text, "app_version");
  return isRefusal(outcome) ? outcome.reason : `packed as ${outcome}`;
}

describe("packVersion", () => {
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
  ])("%s is %d", (text, packed) => {
    expect(packVersion(text, "app_version") as string).toBe(String(packed));
  });

  test.each([
    ["", "version_empty_part"],
    ["1.", "version_empty_part"],
    [".1", "version_empty_part"],
    ["1..2", "version_empty_part"],
    [".", "version_empty_part"],
    ["-1.2", "version_signed"],
    ["+1", "version_signed"],
    ["1.-2", "version_signed"],
    ["-", "version_signed"],
    ["-0", "version_signed"],
    ["v1.2", "version_not_numeric"],
    ["1.2b", "version_not_numeric"],
    ["1.2-beta", "version_not_numeric"],
    [" 1.2", "version_not_numeric"],
    ["1.2 ", "version_not_numeric"],
    ["1.2\n", "version_not_numeric"],
    ["1. 2", "version_not_numeric"],
    ["1,2", "version_not_numeric"],
    ["1e1", "version_not_numeric"],
    ["0x10", "version_not_numeric"],
    ["1_0", "version_not_numeric"],
    ["Infinity", "version_not_numeric"],
    ["١.٢", "version_not_numeric"],
    ["１.２", "version_not_numeric"],
    ["1。2", "version_not_numeric"],
    ["1.2.3.4", "version_too_many_parts"],
    ["1.2.3.", "version_too_many_parts"],
    ["1.2.3.0", "version_too_many_parts"],
    ["-1.x.3.4", "version_too_many_parts"],
    ["0.256", "version_out_of_range"],
    ["0.0.256", "version_out_of_range"],
    ["32768", "version_out_of_range"],
    ["1.4294967297", "version_out_of_range"],
  ])("%j: %s", (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  test("a refusal says where, and not what", () => {
    expect(packVersion("secret", "app_version")).toEqual({
      reason: "version_not_numeric",
      path: "app_version",
    });
  });

  test.each([["9".repeat(16)], ["9".repeat(400)], [`1.${"9".repeat(1_000_000)}`]])(
    "very long numbers are out of range",
    (text) => {
      expect(reasonOf(text)).toBe("version_out_of_range");
    },
  );

  test("a million dots are one refusal", () => {
    expect(reasonOf(".".repeat(1_000_000))).toBe("version_too_many_parts");
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
        const outcome = packVersion(parts.join("."), "v");
        if (isRefusal(outcome)) return expect(outcome.reason).toBe("version_out_of_range");
        const packed = Number(outcome);
        expect([packed >> 16, (packed >> 8) & 255, packed & 255]).toEqual(parts);
      }),
    );
  });

  test("any text is an integer or a reason", () => {
    const lookalike = fc.string({ unit: fc.constantFrom(..."0123456789.-+ ev") });
    fc.assert(
      fc.property(fc.oneof(lookalike, fc.string({ unit: "binary" })), (text) => {
        const outcome = packVersion(text, "v");
        if (isRefusal(outcome)) expect(outcome.reason).toMatch(/^(version|text)_/);
        else expect(outcome as string).toMatch(/^(0|[1-9][0-9]{0,9})$/);
      }),
    );
  });
});

describe("with bits of one's own", () => {
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
    [[18, 18, 18], "262143.262143.262143", "18014398509481983"],
  ])("%j: %s is %s", (bits, text, outcome) => {
    const packed = versionPacking(bits)(text, "v");
    expect(isRefusal(packed) ? packed.reason : packed).toBe(outcome);
  });

  const bits = fc
    .tuple(fc.integer({ min: 1, max: 61 }), fc.integer({ min: 1, max: 61 }), fc.integer({ min: 1, max: 61 }))
    .filter((each) => each[0] + each[1] + each[2] <= 63);

  test("a version is packed as bigints pack it, or refused", () => {
    const part = fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 62n }));
    fc.assert(
      fc.property(bits, fc.tuple(part, part, part), (widths, parts) => {
        const fits = parts.every((each, index) => each < 2n ** BigInt(widths[index] as number));
        const packed = versionPacking(widths)(parts.join("."), "v");
        const expected = parts.reduce(
          (sum, each, index) => (sum << BigInt(widths[index] as number)) | each,
          0n,
        );
        expect(isRefusal(packed) ? packed.reason : packed).toBe(
          fits ? String(expected) : "version_out_of_range",
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("very long numbers are out of range", () => {
    const packed = versionPacking([61, 1, 1])("9".repeat(1_000_000), "v");
    expect(packed).toEqual({ reason: "version_out_of_range", path: "v" });
  });

  test("what is no text is no version", () => {
    for (const value of [2.3, {}, [], true, ["1.2"]])
      expect(packVersion(value, "v")).toEqual({ reason: "version_not_text", path: "v" });
    expect(packVersion("1\u0000", "v")).toEqual({ reason: "text_nul", path: "v" });
    expect(packVersion("\ud800", "v")).toEqual({ reason: "text_lone_surrogate", path: "v" });
  });
});

type Triple = readonly [number, number, number];

function compared(one: Triple, other: Triple): number {
  return Math.sign(one[0] - other[0]) || Math.sign(one[1] - other[1]) || Math.sign(one[2] - other[2]);
}
