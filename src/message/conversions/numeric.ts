/** Values as decimal numbers, with every digit they came with. */

import type { Refusal } from "../rejection.ts";
import { type Decimal, readDecimal, writtenNumber } from "./decimal.ts";

/** What `numeric` holds before and after the point. */
const maxWholeDigits = 131_072;
const maxFractionDigits = 16_383;

/**
 * A value as Postgres's `numeric`: the text it was written with.
 *
 * @see https://www.postgresql.org/docs/current/datatype-numeric.html
 */
export function numericText(value: unknown, path: string): string | Refusal {
  const text = writtenNumber(value);
  const decimal = text === undefined ? undefined : readDecimal(text);
  if (text === undefined || decimal === undefined) return { reason: "field_not_number", path };
  return fitsNumeric(decimal) ? text : { reason: "number_out_of_range", path };
}

/** Whether a number is one that `numeric` can hold, in a column or inside of a `jsonb`. */
export function fitsNumeric({ digits, scale }: Decimal): boolean {
  // Written so that an exponent past every double, which makes the scale infinite, fails it. The limit from below is for
  // zero alone, as `0e999999`.
  return scale <= maxFractionDigits && scale >= -maxWholeDigits && digits.length - scale <= maxWholeDigits;
}
