/** The pieces that the schema of `etl.toml` is made of. Each message says what was expected. */

import * as v from "valibot";
import { type Limit, limitInWords } from "./limits.ts";
import { isSecretReference } from "./secret.ts";

/** A text that is not empty, where it is there. */
export const text = v.optional(v.pipe(v.string("a string"), v.nonEmpty("a string that is not empty")));

/** A secret that the file names and does not hold. */
export const secretReference = v.optional(
  v.pipe(
    v.string('"env:NAME" or "file:PATH"'),
    v.check(isSecretReference, '"env:NAME" or "file:PATH": the secret itself does not belong into this file'),
  ),
);

/** True or false, where it is there. */
export const truth = v.optional(v.boolean("true or false"));

/** A whole number within a limit, where it is there. */
export function whole(limit: Limit) {
  const expected = limitInWords(limit);
  return v.optional(
    v.pipe(
      v.number(expected),
      v.integer(expected),
      v.minValue(limit.least, expected),
      v.maxValue(limit.most, expected),
    ),
  );
}

/** One of some words. */
export function word<const Words extends readonly string[]>(words: Words) {
  return v.picklist(words, `one of ${words.join(", ")}`);
}

/** Arrays and dates are objects too: without this check valibot would take them for tables without keys. */
export function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A table of the file, where it is there. */
export function table<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.optional(v.pipe(v.custom<object>(isTable, "a table"), v.strictObject(entries)));
}
