/** From a value to the text that is stored as a column's type: exactly, or with a reason why not. */

import type { ColumnType } from "../mapping.ts";
import type { Refusal } from "../rejection.ts";
import { textFault } from "../text.ts";
import { ipv6Groups, quadGroups } from "../transforms/ip-groups.ts";
import { bigintText, integerText } from "./integer.ts";
import { jsonbText } from "./jsonb.ts";
import { numericText } from "./numeric.ts";
import { dateText, timeText } from "./time.ts";

/** Converts a value that is neither absent nor null; the path is the source's name, for the refusal. */
export type Convert = (value: unknown, path: string) => string | Refusal;

/**
 * How each type is made. A type takes the JSON types named here and no other; nothing is guessed, rounded or cut, but
 * for a time's digits after the microsecond.
 *
 * | type | of a JSON number | of a JSON string | of another value |
 * |---|---|---|---|
 * | `text` | – | as it is, without U+0000 and lone surrogates | – |
 * | `integer`, `bigint` | without a fraction (`5`, `5.0`, `5e3`), within the type's range | decimal digits, a minus before them: `-5`; no `+5`, `05`, `5.0` | – |
 * | `numeric` | any that fits `numeric`, with its digits (`1.10` stays `1.10`) | a number as JSON writes it; no `NaN`, `Infinity`, `.5`, `1,5` | – |
 * | `boolean` | – | `true`, `false` | true, false |
 * | `date` | – | `YYYY-MM-DD`, a day of the years 0001 to 9999 | – |
 * | `timestamptz` | – | RFC 3339 with an offset or `Z`, years 0001 to 9999, microseconds kept | – |
 * | `uuid` | – | `8-4-4-4-12` hexadecimal digits of either case | – |
 * | `inet` | – | an IPv4 or IPv6 address, also with a prefix length | – |
 * | `jsonb` | with its digits | as a JSON string | true, false, arrays, objects |
 *
 * A JSON null is no value of any type: it is stored as SQL's null, or what the mapping says.
 */
export const conversions: Readonly<Record<ColumnType, Convert>> = {
  text: plainText,
  integer: integerText,
  bigint: bigintText,
  numeric: numericText,
  boolean: booleanText,
  date: dateText,
  timestamptz: timeText,
  uuid: uuidText,
  inet: addressText,
  jsonb: jsonbText,
};

/** A text that Postgres keeps exactly as it is. */
export function plainText(value: unknown, path: string): string | Refusal {
  if (typeof value !== "string") return { reason: "field_not_text", path };
  // Before masking, too: texts that are not well-formed would mask alike.
  const fault = textFault(value);
  return fault === undefined ? value : { reason: fault, path };
}

function booleanText(value: unknown, path: string): string | Refusal {
  if (value === true || value === "true") return "true";
  if (value === false || value === "false") return "false";
  return { reason: "field_not_boolean", path };
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function uuidText(value: unknown, path: string): string | Refusal {
  if (typeof value !== "string" || !uuid.test(value)) return { reason: "field_not_uuid", path };
  return value.toLowerCase();
}

function addressText(value: unknown, path: string): string | Refusal {
  if (typeof value !== "string" || !isAddress(value)) return { reason: "field_not_address", path };
  return value;
}

function isAddress(text: string): boolean {
  const slash = text.indexOf("/");
  if (slash === -1) return quadGroups(text) !== undefined || ipv6Groups(text) !== undefined;
  const [address, prefix] = [text.slice(0, slash), text.slice(slash + 1)];
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix)) return false;
  if (quadGroups(address) !== undefined) return Number(prefix) <= 32;
  return ipv6Groups(address) !== undefined && Number(prefix) <= 128;
}
