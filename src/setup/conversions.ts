/** The ways in which a field's value can become a column's: as which type, and masked how. */

import { type Convert, plainText, conversions as readers, versionPacking } from "../message/conversions.ts";
import { truncateIp } from "../message/ip.ts";
import { parseExactJson } from "../message/json.ts";
import type {
  ColumnMapping,
  ColumnType,
  MaskMethodName,
  Transform,
  VersionBits,
} from "../message/mapping.ts";
import { pseudonymCharacters, redacted } from "../message/mask.ts";
import { storedType } from "../message/stored-type.ts";
import { epochText } from "../message/time.ts";
import { holds, maxCharacters } from "../postgres/column-types.ts";
import type { Field } from "./fields.ts";
import { personalKind } from "./personal.ts";
import type { TargetColumn } from "./ports.ts";
import { wordsOf } from "./words.ts";

/** What a mapping makes of a column's value. */
export type Made = Pick<ColumnMapping, "type" | "transforms">;

export interface Conversion extends Made {
  /** In words, for a person to choose by; each conversion has its own. */
  readonly label: string;
  /** Reads a value as a drain does; a sample is recognised by nothing else. */
  readonly convert: Convert;
  /** Whether a field that it reads means such a value; always, if absent. */
  readonly isMeant?: (field: Field) => boolean;
}

function plain(type: ColumnType): Conversion {
  return { type, transforms: [], label: type, convert: readers[type] };
}

/** A number with a point, such as 1.0, is of a field that may hold 1.5, too. */
function whole(type: "bigint" | "integer"): Conversion {
  return { ...plain(type), isMeant: ({ types }) => !types.has("decimal") };
}

/** With the bits of the preset `user-logins`, a version fits an `integer`. */
const versionBits: VersionBits = [15, 8, 8];

const versionWords = "version versions ver semver release".split(" ");

const version: Conversion = {
  type: "integer",
  transforms: [{ kind: "version", bits: versionBits }],
  label: "integer, from a version such as 2.3.1",
  convert: versionPacking(versionBits),
  // `849.90` reads as a version, too.
  isMeant: ({ path, someShapes }) =>
    someShapes.has("version") || path.flatMap(wordsOf).some((word) => versionWords.includes(word)),
};

const timeWords =
  "at time timestamp ts date created updated modified sent received expires expiry when".split(" ");

/** Whole numbers are times if they are of the last decades or the next, and the field's name says so. */
function epoch(kind: "epoch_seconds" | "epoch_millis", unit: Field["epoch"], label: string): Conversion {
  return {
    type: "timestamptz",
    transforms: [{ kind }],
    label: `timestamptz, ${label}`,
    convert: epochText(kind),
    isMeant: (field) =>
      field.epoch === unit && wordsOf(field.path.at(-1) ?? "").some((word) => timeWords.includes(word)),
  };
}

const jsonText: Conversion = {
  type: "jsonb",
  transforms: [{ kind: "json" }],
  label: "jsonb, from a text that holds JSON",
  convert(text, path) {
    const value = typeof text === "string" ? parseExactJson(text) : undefined;
    return value === undefined ? { reason: "field_not_json", path } : readers.jsonb(value, path);
  },
  // A lone number or word is JSON, too, and no reason to read it as such.
  isMeant: ({ someShapes }) => someShapes.has("json"),
};

const lowercase: Conversion = {
  type: "text",
  transforms: [{ kind: "lowercase" }],
  label: "text, in lower case",
  convert: plainText,
  isMeant: () => false,
};

/** Every conversion that can be chosen. Of those that read a field, the first keeps most of its meaning. */
export const conversions: readonly Conversion[] = [
  epoch("epoch_seconds", "seconds", "from seconds since 1970"),
  epoch("epoch_millis", "millis", "from milliseconds since 1970"),
  ...(["timestamptz", "date", "uuid"] as const).map(plain),
  jsonText,
  ...(["text", "inet"] as const).map(plain),
  ...(["bigint", "integer"] as const).map(whole),
  plain("numeric"),
  version,
  ...(["boolean", "jsonb"] as const).map(plain),
  lowercase,
];

/**
 * The conversions that every sampled value of the field goes through; the first keeps most of its meaning. A field that
 * was always null can become anything.
 */
export function conversionsOf(field: Field): readonly Conversion[] {
  const found = meaningsOf(field).filter(({ convert }) => field.refusals(convert) === 0);
  // What several types have in common is read, and does not tell one type from the other.
  return field.soleType === undefined ? found.toReversed() : found;
}

/**
 * The conversion of every sampled value into a type that the column holds; undefined if there is none.
 *
 * A column of texts takes identifiers and addresses as the sender wrote them, and one of any numbers does not narrow to the
 * whole ones of a sample.
 */
export function conversionInto(field: Field, column: Pick<TargetColumn, "type">): Conversion | undefined {
  const [best] = byWidth(conversionsOf(field), column).filter((one) => fits(one, column, field));
  return best;
}

/**
 * For a column that cannot hold every value of the field: the conversion into it that reads most of them. If that is none,
 * and the field's values are something that another column could hold, what they are.
 */
export function nearestConversion(field: Field, column: Pick<TargetColumn, "type">): Conversion | undefined {
  const values = field.seen - (field.types.get("null") ?? 0);
  const [best] = byWidth(meaningsOf(field), column)
    .filter((conversion) => fits(conversion, column, field))
    .toSorted((a, b) => field.refusals(a.convert) - field.refusals(b.convert));
  const [own] = conversionsOf(field);
  if (best === undefined) return own;
  // Everything can be a text or JSON: then it is the values that do not suit the column.
  const isAnything = own === undefined || own.type === "text" || own.type === "jsonb";
  return isAnything || field.refusals(best.convert) < values ? best : own;
}

/** The type first that says all that the column can hold. */
function byWidth(found: readonly Conversion[], { type }: Pick<TargetColumn, "type">): readonly Conversion[] {
  const widest = (["text", "numeric"] as const).find((one) => holds(type, one));
  const isWidest = (one: Conversion) => one.type === widest && one.transforms.length === 0;
  return [...found.filter(isWidest), ...found.filter((one) => !isWidest(one))];
}

/** Whether the column holds what the conversion stores, and is meant to. */
function fits(conversion: Made, { type }: Pick<TargetColumn, "type">, { types }: Field): boolean {
  // A text in a JSON text has quotes around it, which is not what a column of texts is for.
  const isQuoted = storedType(conversion) === "jsonb" && holds(type, "text") && types.has("text");
  return !isQuoted && holds(type, storedType(conversion));
}

function meaningsOf(field: Field): readonly Conversion[] {
  if (field.soleType !== "null")
    return conversions.filter(({ isMeant }) => isMeant === undefined || isMeant(field));
  // Of a value that nobody has seen, nothing is read.
  return [
    plain("text"),
    ...conversions.filter(({ type, transforms }) => type !== "text" && transforms.length === 0),
  ];
}

/** The network of an address, for fields that are masked so. */
const network: Convert = (value, path) =>
  typeof value === "string" ? truncateIp(value, path) : { reason: "field_not_text", path };

/** How values are tried on a field. */
export const tried: readonly Convert[] = [...new Set(conversions.map(({ convert }) => convert)), network];

/**
 * How a personal field is masked by default: with the run's method; an IP address is written in one way first.
 *
 * @param field absent for a message attribute, which is a text
 * @returns undefined for a list or an object, which is not a single value
 */
export function maskedField(field: Field | undefined): Made | undefined {
  switch (field === undefined ? "text" : field.soleType) {
    case "text":
    case "null":
      return masking({ type: "text", transforms: [] }, "default", field);
    case "integer":
    case "decimal":
      return masking({ type: "numeric", transforms: [] }, "default");
    default:
      return undefined;
  }
}

/**
 * The same for an existing column.
 *
 * @returns undefined if the column can hold no pseudonym of the field
 */
export function maskedInto({ type }: Pick<TargetColumn, "type">, field: Field): Made | undefined {
  const masked = maskedField(field);
  if (masked === undefined) return undefined;
  const room = holds(type, "text") ? (maxCharacters(type) ?? Number.POSITIVE_INFINITY) : 0;
  if (room >= pseudonymCharacters.hmac) return masked;
  // Several addresses, or an address with its port, have no network.
  const hasNetwork = isAddress(field) && field.refusals(network) === 0;
  if (holds(type, "inet") && hasNetwork) return masking(masked, "truncate");
  return room >= redacted.length ? masking(masked, "redact") : undefined;
}

function isAddress(field: Field): boolean {
  return personalKind(field) === "IP address";
}

/** How a value is masked; `default` for the run's own method, undefined if it is not masked. */
export type MaskChoice = MaskMethodName | "default" | undefined;

/**
 * The column's value, masked with the method.
 *
 * @param field what the column takes; one of IP addresses is written in one way before a pseudonym is made of it
 */
export function masking(column: Made, method: MaskChoice, field?: Field): Made {
  const before = column.transforms.filter(({ kind }) => kind !== "mask");
  if (method === undefined) return { type: column.type, transforms: before };
  if (method === "truncate") return { type: "inet", transforms: [...before, { kind: "mask", method }] };
  const old = column.transforms.find((step) => step.kind === "mask");
  const isCanonical = old?.canonical === "ip" || (field !== undefined && isAddress(field));
  const mask: Transform = {
    kind: "mask",
    ...(method === "default" ? {} : { method }),
    ...(isCanonical && method !== "redact" ? { canonical: "ip" } : {}),
  };
  // A text, so that what is not an address is masked, too, and does not reject its message.
  return { type: column.type === "inet" ? "text" : column.type, transforms: [...before, mask] };
}

export function maskOf({ transforms }: Pick<ColumnMapping, "transforms">): MaskChoice {
  const mask = transforms.find((step) => step.kind === "mask");
  return mask && (mask.method ?? "default");
}
