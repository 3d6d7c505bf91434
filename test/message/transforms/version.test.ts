import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { VersionBits } from "../../../src/message/mapping.ts";
import { isRefusal } from "../../../src/message/rejection.ts";
import { versionPacking } from "../../../src/message/transforms/version.ts";

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
