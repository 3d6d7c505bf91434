/** Values as integers: exact, or refused. */

import type { Refusal } from "../rejection.ts";
import { fractionDigits, readDecimal, wholePart, writtenNumber } from "./decimal.ts";

/** The digits of the largest `bigint`. */
const maxDigits = 19;

/** Which integers a type holds. */
interface IntegerRange {
  readonly min: bigint;
  readonly max: bigint;
}

const int4: IntegerRange = { min: -(2n ** 31n), max: 2n ** 31n - 1n };
const int8: IntegerRange = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** A value as Postgres's `integer`. @see {@link integerText} */
export function integerText(value: unknown, path: string): string | Refusal {
  // Most are small numbers; this decides them without a bigint. Zero's sign is not kept by a text either.
  if (typeof value === "number" && (value | 0) === value) return String(value);
  return textWithin(int4, value, path);
}

/** A value as Postgres's `bigint`. */
export function bigintText(value: unknown, path: string): string | Refusal {
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  return textWithin(int8, value, path);
}

function textWithin({ min, max }: IntegerRange, value: unknown, path: string): string | Refusal {
  const text = writtenNumber(value);
  // Written as a text, an integer has digits only: `1e3` and `1.0` are numbers of another kind there.
  const decimal =
    text === undefined || (typeof value === "string" && /[.eE]/.test(text)) ? undefined : readDecimal(text);
  if (decimal === undefined || fractionDigits(decimal) > 0) return { reason: "field_not_integer", path };
  const whole = wholePart(decimal, 0, maxDigits);
  if (whole === undefined || whole < min || whole > max) return { reason: "integer_out_of_range", path };
  return String(whole);
}
