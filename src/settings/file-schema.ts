/** What `etl.toml` may hold, as a schema: strict, so that a misspelt key is an error and never a default. */

import * as v from "valibot";
import { encodings, envelopes } from "../message/mapping.ts";
import { columnKeys, columnSchema } from "./column-schema.ts";
import { limits } from "./limits.ts";
import { conflictActions, logFormats, maskAlgorithms, rejectActions, tablePresets } from "./options.ts";
import { secretReference, table, text, truth, whole, word } from "./schema-parts.ts";

const names = "a list of column names";

/** The keys of each table, in the order in which they are written. */
const sections = {
  queue: {
    url: text,
    region: text,
    endpoint: text,
    envelope: v.optional(word(envelopes)),
    encoding: v.optional(word(encodings)),
    extended_payloads: truth,
  },
  database: {
    url: text,
    host: text,
    port: whole(limits.port),
    name: text,
    user: text,
    password: secretReference,
    password_file: text,
    sslmode: text,
    sslrootcert: text,
    schema: text,
  },
  mask: {
    algorithm: v.optional(word(maskAlgorithms)),
    key_file: text,
    key: secretReference,
  },
  table: {
    name: text,
    preset: v.optional(word(tablePresets)),
    conflict: v.optional(word(conflictActions)),
    key: v.optional(
      v.pipe(v.array(v.string(names), names), v.minLength(1, "a list of at least one column name")),
    ),
    newest_by: text,
    columns: v.optional(
      v.pipe(
        v.array(columnSchema, "a list of tables: [[table.columns]]"),
        v.minLength(1, "a list of at least one column"),
      ),
    ),
  },
  drain: {
    max_messages: whole(limits.maxMessages),
    batch_size: whole(limits.batchSize),
    receivers: whole(limits.receivers),
    wait_seconds: whole(limits.waitSeconds),
    max_in_flight: whole(limits.maxInFlight),
    give_up_after_seconds: whole(limits.giveUpAfterSeconds),
    grace_seconds: whole(limits.graceSeconds),
  },
  rejects: {
    action: v.optional(word(rejectActions)),
    dead_letter_url: text,
  },
  log: {
    format: v.optional(word(logFormats)),
    quiet: truth,
  },
};

/** The whole file. */
export const fileSchema = v.strictObject({
  queue: table(sections.queue),
  database: table(sections.database),
  mask: table(sections.mask),
  table: table(sections.table),
  drain: table(sections.drain),
  rejects: table(sections.rejects),
  log: table(sections.log),
});

/** `etl.toml` as it was written. */
export type FileSettings = v.InferOutput<typeof fileSchema>;

/** `[table]` as it was written, with its columns. */
export type FileTable = NonNullable<FileSettings["table"]>;

/** The keys that a table of the file may hold; the tables themselves for the empty path. Indexes are left out of the path. */
export function knownKeys(path: readonly string[]): readonly string[] {
  const known: Readonly<Record<string, readonly string[]>> = {
    "": Object.keys(sections),
    ...Object.fromEntries(Object.entries(sections).map(([name, keys]) => [name, Object.keys(keys)])),
    ...columnKeys,
  };
  const place = path.join(".");
  return Object.hasOwn(known, place) ? (known[place] ?? []) : [];
}
