import type { Convert } from "./conversions.ts";
import { numberText } from "./json.ts";

/** A decimal number, taken apart without a double: `digits` times ten to the power of minus `scale`. */
export interface Decimal {
  /** The number as it was written. */
  readonly text: string;
  readonly negative: boolean;
  /** Without zeros before the first other digit; `0` for zero. */
  readonly digits: string;
  /** How many of the digits stand after the point; negative if zeros follow the last one. */
  readonly scale: number;
}

/** A number as JSON writes it: no leading zeros, no plus, digits on both sides of the point. */
const jsonNumber = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Reads a number, or a text that is written as JSON writes one; undefined for anything else, also NaN and Infinity. */
export function readDecimal(value: unknown): Decimal | undefined {
  const written = typeof value === "string" ? value : numberText(value);
  const found = written === undefined ? null : jsonNumber.exec(written);
  if (found === null) return undefined;
  const [text, sign, whole = "", fraction = "", exponent = "0"] = found;
  return {
    text,
    negative: sign === "-",
    digits: `${whole}${fraction}`.replace(/^0+(?=\d)/, ""),
    scale: fraction.length - Number(exponent),
  };
}

/** How many digits after the point the number needs, zeros at its end left out. */
export function fractionDigits({ digits, scale }: Decimal): number {
  if (digits === "0") return 0;
  // A loop, because a pattern for zeros at the end would look at every run of zeros.
  let zeros = 0;
  while (digits[digits.length - 1 - zeros] === "0") zeros += 1;
  return scale - zeros;
}

/** As many digits as the largest `bigint` has, and more than the microseconds to the year 9999 have. */
const maxDigits = 19;

/**
 * The number times ten to the power of `places`, without its fraction, rounded down; undefined if that has more than 19
 * digits.
 */
export function wholePart({ negative, digits, scale }: Decimal, places: number): bigint | undefined {
  if (digits === "0") return 0n;
  const kept = digits.length + places - scale;
  if (kept > maxDigits) return undefined;
  const whole = kept <= 0 ? 0n : BigInt(digits.slice(0, kept).padEnd(kept, "0"));
  if (!negative) return whole;
  // Down is away from zero here, unless nothing was cut off.
  const cut = /[1-9]/.test(digits.slice(Math.max(kept, 0)));
  return cut ? -whole - 1n : -whole;
}

/** Makes the conversion to a signed integer of so many bits: Postgres's `integer` has 32, its `bigint` 64. */
export function integerText(bits: 32 | 64): Convert {
  const limit = 2 ** (bits - 1);
  return (value, path) => {
    // Most are small numbers; this decides them without a bigint. A text does not keep the sign of zero either.
    if (typeof value === "number" && Number.isSafeInteger(value) && -limit <= value && value < limit)
      return String(value);
    const decimal = readDecimal(value);
    // If an integer is written as a text, it has digits only: `1e3` and `1.0` are other numbers there.
    const isOther = typeof value === "string" && /[.eE]/.test(value);
    if (decimal === undefined || isOther || fractionDigits(decimal) > 0)
      return { reason: "field_not_integer", path };
    const whole = wholePart(decimal, 0);
    if (whole === undefined || BigInt.asIntN(bits, whole) !== whole)
      return { reason: "integer_out_of_range", path };
    return String(whole);
  };
}

/** The most digits that Postgres's `numeric` holds before and after the point. */
const maxWholeDigits = 131_072;
const maxFractionDigits = 16_383;

/**
 * A value as Postgres's `numeric`: the text it was written with.
 *
 * @see https://www.postgresql.org/docs/current/datatype-numeric.html
 */
export const numericText: Convert = (value, path) => {
  const decimal = readDecimal(value);
  if (decimal === undefined) return { reason: "field_not_number", path };
  const { text, digits, scale } = decimal;
  // An exponent past every double makes the scale infinite, which fails one of the comparisons.
  const fits = scale <= maxFractionDigits && digits.length - scale <= maxWholeDigits;
  return fits ? text : { reason: "number_out_of_range", path };
};
