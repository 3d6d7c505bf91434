/** The ways in which a field's value can become a column's: as which type, and masked how. */

import type { ColumnMapping, ColumnType, MaskMethodName, Transform } from "../message/mapping.ts";
import { pseudonymCharacters, redacted } from "../message/mask.ts";
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
}

/** Every type; of those that hold the same values, the one that a mapping should prefer comes first. */
const types: readonly ColumnType[] = [
  ...(["text", "bigint", "integer", "numeric", "boolean"] as const),
  ...(["timestamptz", "date", "uuid", "inet", "jsonb"] as const),
];

function plain(type: ColumnType): Conversion {
  return { type, transforms: [], label: type };
}

function through(type: ColumnType, transform: Transform, label: string): Conversion {
  return { type, transforms: [transform], label: `${type}, ${label}` };
}

const lowercase = through("text", { kind: "lowercase" }, "in lower case");
/** With the bits of the preset `user-logins`, a version fits an `integer`. */
const version = through("integer", { kind: "version", bits: [15, 8, 8] }, "from a version such as 2.3.1");
const seconds = through("timestamptz", { kind: "epoch_seconds" }, "from seconds since 1970");
const millis = through("timestamptz", { kind: "epoch_millis" }, "from milliseconds since 1970");
const jsonText = through("jsonb", { kind: "json" }, "from a text that holds JSON");

/** Every conversion that can be chosen. */
export const conversions: readonly Conversion[] = [
  ...types.map(plain),
  ...[lowercase, version, seconds, millis, jsonText],
];

const integers = {
  integer: (["bigint", "integer", "numeric"] as const).map(plain),
  bigint: (["bigint", "numeric"] as const).map(plain),
  numeric: [plain("numeric")],
};

/**
 * The conversions that every sampled value of the field goes through; the first keeps most of its meaning. A field that
 * was always null can become anything.
 */
export function conversionsOf(field: Field): readonly Conversion[] {
  switch (field.soleType) {
    case "null":
      return types.map(plain);
    case "boolean":
      return [plain("boolean"), plain("jsonb")];
    case "integer":
      return [...timesOf(field), ...integers[field.integers], plain("jsonb")];
    case "decimal":
      return [plain("numeric"), plain("jsonb")];
    case "text":
      return [...conversionsOfText(field), plain("jsonb")];
    default:
      return [plain("jsonb")];
  }
}

function conversionsOfText({ allShapes }: Field): readonly Conversion[] {
  const byShape = [
    ["timestamp", [plain("timestamptz")]],
    ["date", [plain("date")]],
    ["uuid", [plain("uuid")]],
    ["json", [jsonText]],
    ["text", [plain("text")]],
    ["version", [version]],
    ["ip", [plain("inet")]],
    ["integer", integers.integer],
    ["decimal", [plain("numeric")]],
    ["boolean", [plain("boolean")]],
  ] as const;
  return byShape.flatMap(([shape, found]) => (shape === "text" || allShapes.has(shape) ? found : []));
}

const timeWords =
  "at time timestamp ts date created updated modified sent received expires expiry when".split(" ");

/** Whole numbers are times if they are of the last decades or the next, and the field's name says so. */
function timesOf({ path, epoch }: Field): readonly Conversion[] {
  const namesTime = wordsOf(path.at(-1) ?? "").some((word) => timeWords.includes(word));
  return namesTime && epoch !== undefined ? [{ seconds, millis }[epoch]] : [];
}

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
  const hasNetwork = isAddress(field) && !field.someShapes.has("ips") && !field.someShapes.has("endpoint");
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
