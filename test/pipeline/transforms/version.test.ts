import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isRefusal } from "../../../src/pipeline/rejection.ts";
import { packVersion } from "../../../src/pipeline/transforms/version.ts";

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
        if (isRefusal(outcome)) expect(outcome.reason).toStartWith("version_");
        else expect(outcome as string).toMatch(/^(0|[1-9][0-9]{0,9})$/);
      }),
    );
  });
});

type Triple = readonly [number, number, number];

function compared(one: Triple, other: Triple): number {
  return Math.sign(one[0] - other[0]) || Math.sign(one[1] - other[1]) || Math.sign(one[2] - other[2]);
}
