import { ipv6Groups, quadGroups } from "./ip.ts";
import type { ColumnType, VersionBits } from "./mapping.ts";
import { isRefusal, type Refusal, type RejectionReason } from "./message.ts";
import { integerText, numericText } from "./numbers.ts";
import { dateText, timeText } from "./time.ts";

/** Converts a value that is neither absent nor null; the path is the source's name, for the refusal. */
export type Convert = (value: unknown, path: string) => string | Refusal;

/**
 * How each type is made. A type takes the JSON types named here and no other. Nothing is guessed, rounded or cut, except
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
 * A JSON null is not a value of any type: it is stored as SQL's null, or as what the mapping says.
 */
export const conversions: Readonly<Record<ColumnType, Convert>> = {
  text: plainText,
  integer: integerText(32),
  bigint: integerText(64),
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
  const fault = textFault(value);
  return fault === undefined ? value : { reason: fault, path };
}

/**
 * Why a text cannot be masked or stored, or undefined if it can.
 *
 * Postgres refuses U+0000 in text. A lone surrogate has no UTF-8 form: encoders put U+FFFD in its place without an
 * error, so it would be stored as something else, and two different ones would mask alike.
 *
 * @see https://www.postgresql.org/docs/current/datatype-character.html
 */
export function textFault(text: string): "text_nul" | "text_lone_surrogate" | undefined {
  if (text.includes("\u0000")) return "text_nul";
  return text.isWellFormed() ? undefined : "text_lone_surrogate";
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
  const found = typeof value === "string" ? /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(value) : null;
  const [text, address = "", prefix = "0"] = found ?? [];
  const isAddress =
    (quadGroups(address) !== undefined && Number(prefix) <= 32) ||
    (ipv6Groups(address) !== undefined && Number(prefix) <= 128);
  return text !== undefined && isAddress ? text : { reason: "field_not_address", path };
}

/**
 * How deep arrays and objects may be nested. Postgres's own limit is its stack's (some thousand levels), and it fails the
 * whole batch.
 */
const maxLevels = 1000;

/**
 * A value as Postgres's `jsonb`, from a text to a tree. What `jsonb` cannot hold is refused: U+0000 and lone surrogates in
 * texts and keys, numbers past `numeric`.
 *
 * @see https://www.postgresql.org/docs/current/datatype-json.html
 */
function jsonbText(value: unknown, path: string): string | Refusal {
  const reason = jsonFault(value, maxLevels);
  return reason === undefined ? JSON.stringify(value) : { reason, path };
}

function jsonFault(value: unknown, levelsLeft: number): RejectionReason | undefined {
  if (typeof value === "string") return textFault(value);
  if (typeof value !== "object" || value === null) return undefined;
  if (JSON.isRawJSON(value)) {
    const number = numericText(value, "");
    return isRefusal(number) ? number.reason : undefined;
  }
  if (levelsLeft === 0) return "json_too_deep";
  for (const [key, item] of Object.entries(value)) {
    const fault = textFault(key) ?? jsonFault(item, levelsLeft - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** How many bits Postgres's types hold without the sign. */
export const integerBits = 31;
export const bigintBits = 63;

/** As many bits as a double holds exactly. */
const exactBits = 53;

const numbersAndDots = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/;

/**
 * Makes the packing of versions, major part first, each part in as many bits as it is given: with 15, 8 and 8 that is
 * `major << 16 | minor << 8 | patch`, so `2.3.0` is `131840`. Absent parts are zero.
 *
 * Parts are numbers, so `6.02` is 6.2.0 and `2.00` is 2.0.0. Different numbers never give the same integer: what does not
 * fit is refused, never cut. If there are several faults, a fourth part is told first, then the leftmost part that is not
 * a number, then one that is too large.
 */
export function versionPacking(bits: VersionBits): Convert {
  const pack = bits[0] + bits[1] + bits[2] <= exactBits ? packNarrow(bits) : packWide(bits);
  return (value, path) => {
    if (typeof value !== "string") return { reason: "version_not_text", path };
    const parts = numbersAndDots.exec(value);
    if (parts === null) return { reason: textFault(value) ?? shapeFault(value), path };
    return pack(parts) ?? { reason: "version_out_of_range", path };
  };
}

/** The packed parts, of which the first is the whole match; undefined if one is too large. */
type PackParts = (parts: readonly (string | undefined)[]) => string | undefined;

/** In a double, which holds the whole. */
function packNarrow(bits: VersionBits): PackParts {
  const [majors, minors, patches] = bits.map((count) => 2 ** count) as [number, number, number];
  return ([, major, minor = "0", patch = "0"]) => {
    // A very long number loses digits here or becomes Infinity; either is too large.
    const [a, b, c] = [Number(major), Number(minor), Number(patch)];
    return a < majors && b < minors && c < patches ? String((a * minors + b) * patches + c) : undefined;
  };
}

function packWide(bits: VersionBits): PackParts {
  const [majors, minors, patches] = bits.map((count) => 2n ** BigInt(count)) as [bigint, bigint, bigint];
  return ([, major = "0", minor = "0", patch = "0"]) => {
    // A number of a million digits would take long to read, for nothing.
    if ([major, minor, patch].some((part) => Number(part) >= 2 ** bigintBits)) return undefined;
    const [a, b, c] = [BigInt(major), BigInt(minor), BigInt(patch)];
    return a < majors && b < minors && c < patches ? String((a * minors + b) * patches + c) : undefined;
  };
}

function shapeFault(text: string): RejectionReason {
  // The limit keeps a text of a million dots from becoming a million strings.
  const parts = text.split(".", 4);
  if (parts.length > 3) return "version_too_many_parts";
  const wrong = parts.find((part) => !/^\d+$/.test(part)) ?? "";
  if (wrong === "") return "version_empty_part";
  return /^[-+]/.test(wrong) ? "version_signed" : "version_not_numeric";
}
