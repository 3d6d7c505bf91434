/** Makes the mapping of one column from its `[[table.columns]]` entry, and the entry from the mapping. */

import {
  type ColumnMapping,
  type ColumnSource,
  type ColumnType,
  fieldPath,
  messageFacts,
  type Scalar,
  sourceName,
  type Transform,
  type VersionBits,
} from "../message/mapping.ts";
import { nearestName } from "../text/nearest-name.ts";
import { type ColumnFault, columnFault, fitsInteger, isAlwaysThere } from "./column-faults.ts";
import type { FileColumn, TransformName } from "./column-schema.ts";
import { shownWord } from "./setting.ts";

/** As the preset packs them: every version up to 32767.255.255 fits Postgres's `integer`. */
const defaultBits: VersionBits = [15, 8, 8];

/** A column as its entry describes it, or why there can be none. */
export type ReadColumn = { readonly column: ColumnMapping } | { readonly fault: ColumnFault };

/** Reads an entry. */
export function readColumn(entry: FileColumn): ReadColumn {
  const source = readSource(entry.from);
  if (typeof source === "string") return { fault: { key: "from", says: source } };
  const steps = stepsOf(entry);
  const bits = entry.version_bits ?? defaultBits;
  const type = entry.type ?? defaultType(source, steps, entry);
  const fault = columnFault({ entry, source, type, steps, bits });
  if (fault !== undefined) return { fault };
  // What is masked as an address may as well be none: it is then masked as it stands, and no reason to lose the row.
  const canonical = steps.includes("mask") && type === "inet" && isPseudonym(entry);
  return {
    column: {
      column: entry.name,
      source,
      type: canonical ? "text" : type,
      transforms: steps.map((step) => transformOf(step, entry, canonical)),
      required: entry.required ?? isAlwaysThere(source),
      ...(entry.default === undefined ? {} : { default: entry.default }),
      ...(entry.empty === undefined ? {} : { empty: entry.empty }),
    },
  };
}

/** The entry that {@link readColumn} reads as this column; the type that the column is created with is not part of it. */
export function writeColumn(column: ColumnMapping): FileColumn {
  const { source, transforms, default: standIn, empty } = column;
  const mask = transforms.find(({ kind }) => kind === "mask") as
    | Extract<Transform, { kind: "mask" }>
    | undefined;
  const version = transforms.find((step) => step.kind === "version");
  const steps = transforms
    .map(({ kind }) => kind)
    .filter((kind) => kind !== "mask" || mask?.method === undefined);
  const [only] = steps;
  return {
    name: column.column,
    from: writeSource(source),
    type: mask?.canonical === "ip" ? "inet" : column.type,
    ...(only === undefined ? {} : { transform: steps.length === 1 ? only : steps }),
    ...(version === undefined ? {} : { version_bits: [...version.bits] }),
    ...(mask?.method === undefined ? {} : { mask: mask.method }),
    ...(isAlwaysThere(source) ? {} : { required: column.required }),
    ...(standIn === undefined ? {} : { default: standIn }),
    ...(empty === undefined ? {} : { empty }),
  };
}

function stepsOf({ transform = [], mask }: FileColumn): readonly TransformName[] {
  const steps = typeof transform === "string" ? [transform] : transform;
  return mask === undefined || steps.includes("mask") ? steps : [...steps, "mask"];
}

/** The methods that make a pseudonym, with which equal values stay equal. */
function isPseudonym({ mask }: FileColumn): boolean {
  return mask !== "truncate" && mask !== "redact";
}

function transformOf(kind: TransformName, { version_bits, mask }: FileColumn, canonical: boolean): Transform {
  if (kind === "version") return { kind, bits: version_bits ?? defaultBits };
  if (kind !== "mask") return { kind };
  return { kind, ...(mask && { method: mask }), ...(canonical && { canonical: "ip" }) };
}

function defaultType(source: ColumnSource, steps: readonly TransformName[], entry: FileColumn): ColumnType {
  if (steps.includes("version")) {
    return fitsInteger(entry.version_bits ?? defaultBits) ? "integer" : "bigint";
  }
  if (steps.includes("epoch_seconds") || steps.includes("epoch_millis")) return "timestamptz";
  if (steps.includes("json")) return "jsonb";
  if (entry.mask === "truncate") return "inet";
  if (source.in === "message") {
    if (source.fact === "sent_at" || source.fact === "received_at") return "timestamptz";
    return source.fact === "receive_count" ? "integer" : "text";
  }
  return source.in === "constant" ? typeOfConstant(source.value) : "text";
}

function typeOfConstant(value: Scalar): ColumnType {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "string") return "text";
  if (!Number.isInteger(value)) return "numeric";
  return Math.abs(value) < 2 ** 31 ? "integer" : "bigint";
}

const attributesPrefix = "$attributes.";

/** A name in double quotes with JSON's escapes, or one without dots, quotes, and white space at its ends. */
const pathPart = /("(?:[^"\\]|\\.)*"|[^\s."](?:[^."]*[^\s."])?)(\.|$)/y;

/**
 * The source that `from` names: `user.id`, `user."a.b"`, `/user/id`, `$sent_at`, `$attributes.kind`, or a constant.
 *
 * @returns what is wrong with it, as a text, where it names none
 * @see https://www.rfc-editor.org/rfc/rfc6901
 */
export function readSource(from: FileColumn["from"]): ColumnSource | string {
  if (typeof from !== "string") return { in: "constant", value: from.constant };
  if (from.startsWith("$")) return readFact(from);
  const path = from.startsWith("/") ? readPointer(from) : readDotted(from);
  return typeof path === "string" ? path : { in: "body", path };
}

/** What {@link readSource} reads as this source. */
export function writeSource(source: ColumnSource): FileColumn["from"] {
  if (source.in === "constant") return { constant: source.value };
  const name = sourceName(source);
  if (source.in !== "body" || typeof readSource(name) !== "string") return name;
  return source.path.map((part) => JSON.stringify(part)).join(".");
}

/** As other tools write a path: `$.user.id`, and `$body.user.id`. */
const rooted = /^\$(?:body)?\.(?=.)/i;

function readFact(from: string): ColumnSource | string {
  if (from.startsWith(attributesPrefix)) {
    const name = from.slice(attributesPrefix.length);
    return name === "" ? "names no attribute: write $attributes.NAME" : { in: "attributes", name };
  }
  const fact = messageFacts.find((name) => from === `$${name}`);
  if (fact !== undefined) return { in: "message", fact };
  if (rooted.test(from)) {
    const meant = from.replace(rooted, "").replaceAll(indexes, ".$1");
    const path = readDotted(meant);
    const found = typeof path === "string" ? "user.id" : sourceName({ in: "body", path });
    return `must name a field of the body by its path alone, such as ${shownPath(found)}`;
  }
  const known = [...messageFacts.map((name) => `$${name}`), `${attributesPrefix}NAME`];
  const nearest = nearestName(from, known);
  return nearest === undefined
    ? `must be one of ${known.join(", ")} where it begins with $; a field of that name is written /$NAME`
    : `must be one of ${known.join(", ")}; found ${shownWord(from.slice(1))}; did you mean "${nearest}"?`;
}

function readPointer(pointer: string): readonly string[] | string {
  if (pointer === "/") {
    return "must name a field behind the /; the field with an empty name is written '\"\"'";
  }
  if (/~(?![01])/.test(pointer)) return "must have ~0 for a ~ in a JSON Pointer, and ~1 for a / in a name";
  return fieldPath(pointer);
}

function readDotted(path: string): readonly string[] | string {
  const names: string[] = [];
  pathPart.lastIndex = 0;
  for (let more = true; more; ) {
    const [, part = "", dot] = pathPart.exec(path) ?? [];
    const name = part.startsWith('"') ? unquoted(part) : part;
    if (dot === undefined || name === undefined) {
      return 'must be names with dots between them, such as user.id; a name with a dot, a quote or white space at its ends is written in quotes, as user."a.b"';
    }
    if (!part.startsWith('"') && bracketed.test(part)) {
      return `must have the index of an array as a name of its own, such as ${shownPath(path.replaceAll(indexes, ".$1"))}; a field of that name is written in quotes`;
    }
    names.push(name);
    more = dot === ".";
  }
  return names;
}

/** An index as other tools write it: `items[0]`. */
const bracketed = /\[\d+\]/;
const indexes = /\[(\d+)\]/g;

/** A path that a message may repeat: it is a person's own, and names are no secrets unless they are odd. */
function shownPath(path: string): string {
  return /^[\w.-]{1,80}$/.test(path) ? path : "items.0.id";
}

/** The text of a JSON string; undefined where it is none. */
function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}
