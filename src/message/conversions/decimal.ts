/** A number's text taken apart, so that no digit goes through a double. */

import { numberText } from "../json.ts";

/** A decimal number: `digits` times ten to the power of minus `scale`. */
export interface Decimal {
  readonly negative: boolean;
  /** Without zeros before the first other digit; `0` for zero. */
  readonly digits: string;
  /** How many of the digits stand after the point; negative where zeros follow the last one. */
  readonly scale: number;
}

/** A number as JSON writes it: no leading zeros, no plus, digits on both sides of the point. */
const jsonNumber = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Reads a number that is written as JSON writes it; undefined where the text is something else, also NaN and Infinity. */
export function readDecimal(text: string): Decimal | undefined {
  const found = jsonNumber.exec(text);
  if (found === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = found;
  return {
    negative: sign === "-",
    digits: `${whole}${fraction}`.replace(/^0+(?=\d)/, ""),
    scale: fraction.length - Number(exponent),
  };
}

/** The text of a number, or a text that may be one; undefined for any other value. */
export function writtenNumber(value: unknown): string | undefined {
  return typeof value === "string" ? value : numberText(value);
}

/** How many digits after the point the number needs, zeros at its end left out. */
export function fractionDigits({ digits, scale }: Decimal): number {
  if (digits === "0") return 0;
  // A loop, as a pattern for zeros at the end would look at every run of zeros.
  let zeros = 0;
  while (digits[digits.length - 1 - zeros] === "0") zeros += 1;
  return scale - zeros;
}

/**
 * The number times ten to the power of `places`, without its fraction, rounded down; undefined where that has more than
 * `maxDigits` digits.
 */
export function wholePart(
  { negative, digits, scale }: Decimal,
  places: number,
  maxDigits: number,
): bigint | undefined {
  if (digits === "0") return 0n;
  const kept = digits.length + places - scale;
  if (kept > maxDigits) return undefined;
  const whole = kept <= 0 ? 0n : BigInt(digits.slice(0, kept).padEnd(kept, "0"));
  if (!negative) return whole;
  // Down is away from zero here, unless nothing was cut off.
  const cut = /[1-9]/.test(digits.slice(Math.max(kept, 0)));
  return cut ? -whole - 1n : -whole;
}
