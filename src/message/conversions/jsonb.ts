/** Values as JSON texts that Postgres takes, with the digits they came with. */

import { numberText } from "../json.ts";
import type { Refusal, RejectionReason } from "../rejection.ts";
import { textFault } from "../text.ts";
import { readDecimal } from "./decimal.ts";
import { fitsNumeric } from "./numeric.ts";

/**
 * How deep arrays and objects may be nested. Postgres's own limit is its stack's (some thousand levels), and it fails the
 * whole batch.
 */
const maxLevels = 1000;

/**
 * A value as Postgres's `jsonb`, from a text to a tree. Refused is what `jsonb` cannot hold: U+0000 and lone surrogates in
 * texts and keys, numbers past `numeric`.
 *
 * @see https://www.postgresql.org/docs/current/datatype-json.html
 */
export function jsonbText(value: unknown, path: string): string | Refusal {
  const reason = jsonFault(value, maxLevels);
  return reason === undefined ? JSON.stringify(value) : { reason, path };
}

function jsonFault(value: unknown, levelsLeft: number): RejectionReason | undefined {
  if (typeof value === "string") return textFault(value);
  if (typeof value !== "object" || value === null) return undefined;
  const number = numberText(value);
  if (number !== undefined) return numberFault(number);
  if (levelsLeft === 0) return "json_too_deep";
  for (const [key, item] of Object.entries(value)) {
    const fault = textFault(key) ?? jsonFault(item, levelsLeft - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function numberFault(text: string): RejectionReason | undefined {
  const decimal = readDecimal(text);
  return decimal !== undefined && fitsNumeric(decimal) ? undefined : "number_out_of_range";
}
