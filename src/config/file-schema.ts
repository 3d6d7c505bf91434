/** What `etl.toml` may hold, as a schema: strict, so that a misspelt key is an error and never a default. */

import * as v from "valibot";
import { type Limit, limitInWords, limits } from "./limits.ts";
import { maskAlgorithms, rejectActions } from "./options.ts";

/** Each message says what was expected; who reports an issue says where, and what was found. */
const text = v.optional(v.pipe(v.string("a string"), v.nonEmpty("a string that is not empty")));

function whole(limit: Limit) {
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

/** Arrays and dates are objects too: without this check valibot would take them for tables without keys. */
function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function table<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.optional(v.pipe(v.custom<object>(isTable, "a table"), v.strictObject(entries)));
}

/** The whole file. */
export const fileSchema = v.strictObject({
  queue: table({ url: text, region: text, endpoint: text }),
  database: table({
    url: text,
    host: text,
    port: whole(limits.port),
    name: text,
    user: text,
    password_file: text,
    sslmode: text,
    sslrootcert: text,
  }),
  mask: table({
    algorithm: v.optional(v.picklist(maskAlgorithms, `one of ${maskAlgorithms.join(", ")}`)),
    key_file: text,
  }),
  table: table({ name: text }),
  drain: table({
    max_messages: whole(limits.maxMessages),
    batch_size: whole(limits.batchSize),
    receivers: whole(limits.receivers),
    wait_seconds: whole(limits.waitSeconds),
    max_in_flight: whole(limits.maxInFlight),
    give_up_after_seconds: whole(limits.giveUpAfterSeconds),
    grace_seconds: whole(limits.graceSeconds),
  }),
  rejects: table({
    action: v.optional(v.picklist(rejectActions, `one of ${rejectActions.join(", ")}`)),
    dead_letter_url: text,
  }),
});

/** `etl.toml` as it was written. */
export type FileSettings = v.InferOutput<typeof fileSchema>;

/** The keys that a table of the file may hold; the tables themselves for the empty path. */
export function knownKeys(path: readonly string[]): readonly string[] {
  const [name] = path;
  if (name === undefined) return Object.keys(fileSchema.entries);
  if (!Object.hasOwn(fileSchema.entries, name)) return [];
  const entry = fileSchema.entries[name as keyof typeof fileSchema.entries];
  return Object.keys(entry.wrapped.pipe[1].entries);
}
