/** What a `[[table.columns]]` entry of `etl.toml` may hold; whether its parts go together is told by `column-mapping.ts`. */

import * as v from "valibot";
import { columnTypes, emptyActions, maskMethods } from "../message/mapping.ts";
import { truth, word } from "./setting.ts";

/** Arrays and dates are objects too: without this check valibot would take them for tables without keys. */
export function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The words of `transform`, in the order in which they may follow each other. */
export const transformNames = [
  "trim",
  "lowercase",
  "version",
  "epoch_seconds",
  "epoch_millis",
  "json",
  "mask",
] as const;

/** One of {@link transformNames}. */
export type TransformName = (typeof transformNames)[number];

const filled = "a string that is not empty";

/** Postgres cuts a longer name off without an error, and might then find another column. */
const name = v.pipe(
  v.string("a string"),
  v.nonEmpty(filled),
  v.check(
    (text) => Buffer.byteLength(text) <= 63 && !text.includes("\u0000"),
    "a name of at most 63 bytes, as Postgres has them",
  ),
);

/** Past 2^53 a number of a file has lost digits before anyone could see them. */
const number = v.pipe(
  v.number("a string, a number or a boolean"),
  v.check(
    (value) => Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)),
    "a number of which no digit is lost; write it as a string",
  ),
);

const scalar = v.lazy((input) => {
  if (typeof input === "number") return number;
  return v.union([v.string(), v.boolean()], "a string, a number or a boolean");
});

/** The keys of a constant. */
const constantEntries = { constant: scalar };

const from = v.lazy((input) =>
  isTable(input)
    ? v.strictObject(constantEntries)
    : v.pipe(v.string('a path, a "$…" or { constant = … }'), v.nonEmpty(filled)),
);

const transform = v.lazy((input) =>
  Array.isArray(input) ? v.array(word(transformNames).schema) : word(transformNames).schema,
);

const bits = "a list of three whole numbers from 1 to 31, 63 in all at the most";
const bitsOfPart = v.pipe(v.number(bits), v.integer(bits), v.minValue(1, bits), v.maxValue(31, bits));

const columnEntries = {
  name,
  from,
  type: v.optional(word(columnTypes).schema),
  transform: v.optional(transform),
  version_bits: v.optional(
    v.pipe(
      v.strictTuple([bitsOfPart, bitsOfPart, bitsOfPart], bits),
      v.check(([major, minor, patch]) => major + minor + patch <= 63, bits),
    ),
  ),
  required: v.optional(truth.schema),
  default: v.optional(scalar),
  empty: v.optional(word(emptyActions).schema),
  mask: v.optional(word(maskMethods).schema),
};

/** One entry. */
export const columnSchema = v.pipe(v.custom<object>(isTable, "a table"), v.strictObject(columnEntries));

/** An entry as it was written. */
export type FileColumn = v.InferOutput<typeof columnSchema>;

/** The keys of an entry, and of the table that its `from` may be. */
export const columnKeys = {
  "table.columns": Object.keys(columnEntries),
  "table.columns.from": Object.keys(constantEntries),
};
