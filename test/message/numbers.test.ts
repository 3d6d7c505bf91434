import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fractionDigits, readDecimal, wholePart } from "../../src/message/numbers.ts";

describe("readDecimal", () => {
  test.each([
    ["0", false, "0", 0],
    ["-0", true, "0", 0],
    ["12.50", false, "1250", 2],
    ["0.05", false, "5", 2],
    ["5e3", false, "5", -3],
    ["-1.5E-2", true, "15", 3],
    ["1e+2", false, "1", -2],
  ])("%s", (text, negative, digits, scale) => {
    expect(readDecimal(text)).toEqual({ text, negative, digits, scale });
  });

  test.each([
    ["", "+1", "01", "1.", ".5", "1e", "1,5", " 1", "1 ", "1\n", "0x10", "1_000", "--1", "1.5.2", "١"],
    ["NaN", "Infinity", "-Infinity", Number.NaN, null, undefined, true, {}, [], { rawJSON: "1.5" }],
  ])("%j is none", (...values) => {
    for (const value of values) expect([value, readDecimal(value)]).toEqual([value, undefined]);
  });

  test("a million digits, and an exponent of a million digits, are read at once", () => {
    const many = "9".repeat(1_000_000);
    for (const text of [many, `0.${many}`, `1e${many}`, `1e-${many}`, `${many}${"0".repeat(1_000_000)}1`]) {
      const decimal = readDecimal(text);
      if (decimal === undefined) throw new Error("no decimal");
      expect(fractionDigits(decimal)).toBeNumber();
      expect(wholePart(decimal, 0) ?? 0n).toBe(0n);
    }
  });
});

const parts = fc.record({
  negative: fc.boolean(),
  units: fc.bigInt({ min: 0n, max: 10n ** 18n }),
  scale: fc.integer({ min: -5, max: 25 }),
});

// Bigints compute the number as a fraction, without loss.
test("wholePart rounds down, and fractionDigits is the least scale that holds it", () => {
  fc.assert(
    fc.property(parts, fc.nat(6), ({ negative, units, scale }, places) => {
      const text = `${negative ? "-" : ""}${units}e${-scale}`;
      const decimal = readDecimal(text);
      if (decimal === undefined) throw new Error("no decimal");
      const numerator = (negative ? -units : units) * 10n ** BigInt(places + 5);
      const denominator = 10n ** BigInt(scale + 5);
      const floor = numerator / denominator - (numerator % denominator < 0n ? 1n : 0n);
      const isTooLong = String(numerator / denominator).replace("-", "").length > 19;
      expect(wholePart(decimal, places)).toBe(isTooLong ? undefined : floor);
      const needed = fractionDigits(decimal);
      const isWhole = (digits: number) => (units * 10n ** BigInt(digits + 5)) % denominator === 0n;
      expect(isWhole(Math.max(needed, -5))).toBe(true);
      if (units !== 0n && needed > -5) expect(isWhole(needed - 1)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
