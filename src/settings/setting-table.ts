/** The table of settings. Flags, variables, the schema of `etl.toml`, defaults and docs/settings.md are derived from it. */

import type { Environment } from "../commands/context.ts";
import { encodings, envelopes, unmappedActions } from "../message/mapping.ts";
import type { FileColumn } from "./column-schema.ts";
import {
  columnNames,
  type FileKind,
  type Setting,
  secretName,
  setting,
  text,
  truth,
  whole,
  word,
} from "./setting.ts";

/** @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html */
const ignoresEndpoints = (env: Environment) =>
  env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === "true";

/** What a drain does if nothing is set, where that is not one number. */
export const drainDefaults = { dryRunMessages: 10, waitSeconds: 5, followWaitSeconds: 10 } as const;

const waits = `${drainDefaults.waitSeconds}; ${drainDefaults.followWaitSeconds} with --follow`;

/** Every setting with one value, by its key in `etl.toml` and in that order. `[[table.columns]]` has a schema of its own. */
export const settingTable = {
  "queue.url": setting(text, {
    flag: "--queue-url",
    valueName: "URL",
    help: "The SQS queue (ETL_QUEUE_URL)",
    variables: ["ETL_QUEUE_URL"],
    about: "The SQS queue to read",
    example: '"https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue"',
  }),
  "queue.region": setting(text, {
    variables: ["AWS_REGION", "AWS_DEFAULT_REGION"],
    fileFirst: true,
    otherwise: "by the queue's URL",
    about: "The AWS region; comes before the one in the URL of the queue",
    example: '"eu-west-1"',
  }),
  "queue.endpoint": setting(text, {
    variables: ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"],
    ignoresVariables: ignoresEndpoints,
    otherwise: "the host of the queue's URL",
    about: "Where requests go",
    example: '"http://localhost:9324"',
  }),
  "queue.envelope": setting(word(envelopes), {
    default: "none",
    about:
      'What is around the body: "none", "sns" (no raw delivery), "eventbridge", or "auto": each message tells',
  }),
  "queue.encoding": setting(word(encodings), {
    default: "none",
    about: 'How the body is encoded inside of that: "none", "base64" or "gzip+base64"',
  }),
  "queue.extended_payloads": setting(truth, {
    default: false,
    about: "Whether bodies may point to an object in S3, as the extended client libraries write them",
  }),
  "database.url": setting(text, {
    flag: "--database-url",
    valueName: "URL",
    help: "Postgres; visible in `ps`: prefer DATABASE_URL",
    variables: ["DATABASE_URL"],
    secret: true,
    about:
      'Postgres; the URL itself, with a password only if this file has mode 600, or "env:NAME", or "file:PATH"',
    example: '"postgres://loader@db.example.com/warehouse?sslmode=verify-full&sslrootcert=system"',
  }),
  "database.host": setting(text, {
    variables: ["PGHOST"],
    otherwise: "localhost",
    about: "Or, in place of the url, part by part: the server",
    example: '"db.example.com"',
  }),
  "database.port": setting(whole(1, 65_535), {
    variables: ["PGPORT"],
    otherwise: "5432",
    about: "The server's port",
    example: "5432",
  }),
  "database.name": setting(text, {
    variables: ["PGDATABASE"],
    otherwise: "the user's name",
    about: "The database's name",
    example: '"warehouse"',
  }),
  "database.user": setting(text, {
    variables: ["PGUSER"],
    otherwise: "the operating system's user",
    about: "The role to log in with",
    example: '"loader"',
  }),
  "database.password": setting(secretName, {
    variables: ["PGPASSWORD"],
    secret: true,
    otherwise: "none, or as ~/.pgpass says",
    about: 'Where the password is: "env:NAME", or "file:PATH", for its owner alone',
    example: '"env:DATABASE_PASSWORD"',
  }),
  "database.password_file": setting(text, {
    about: 'The same as password = "file:PATH"',
    example: '"database.password"',
  }),
  "database.sslmode": setting(text, {
    variables: ["PGSSLMODE"],
    otherwise: "prefer",
    about: "As in libpq; verify-full unless the database is on this host",
    example: '"verify-full"',
  }),
  "database.sslrootcert": setting(text, {
    variables: ["PGSSLROOTCERT"],
    otherwise: "~/.postgresql/root.crt, if it exists",
    about: 'The authority that signed the server\'s certificate, or "system"',
    example: '"ca.pem"',
  }),
  "database.schema": setting(text, {
    otherwise: "by the search path",
    about: "The table's schema, if its name has none",
    example: '"public"',
  }),
  "mask.algorithm": setting(word(["hmac-sha256", "sha256"]), {
    flag: "--mask",
    help: "hmac-sha256 (default), or sha256, which can be undone",
    default: "hmac-sha256",
    about: 'For columns that name no method: "hmac-sha256", or "sha256", which can be undone',
  }),
  "mask.key_file": setting(text, {
    variables: ["ETL_MASK_KEY_FILE"],
    about: "The key, as `etl keys generate` makes it; back it up",
    example: '"etl-mask.key"',
  }),
  "mask.key": setting(secretName, {
    variables: ["ETL_MASK_KEY"],
    secret: true,
    about: 'Or where else the key is: "env:NAME" or "file:PATH", never the key itself',
    example: '"env:MASK_KEY"',
  }),
  "table.name": setting(text, {
    flag: "--table",
    help: "Target table (default: user_logins)",
    default: "user_logins",
    about: "The table that rows go to; schema.name if the schema is not the one above",
  }),
  "table.preset": setting(word(["user-logins"]), {
    otherwise: "user-logins if no columns are mapped",
    about: "A built-in mapping, in place of [[table.columns]]",
    example: '"user-logins"',
  }),
  "table.conflict": setting(word(["reject", "ignore", "update"]), {
    default: "reject",
    about:
      'If a row\'s key is taken: "reject" its message, "ignore" (the old stays), "update" (the newer stays)',
  }),
  "table.key": setting(columnNames, {
    about: 'With "update", or "ignore": the columns that tell rows apart',
    example: '["user_id"]',
  }),
  "table.newest_by": setting(text, {
    about: 'With "update": the column that says which is newer',
    example: '"updated_at"',
  }),
  "table.unmapped": setting(word(unmappedActions), {
    flag: "--strict",
    flagSets: "reject",
    help: "Reject a message with a field that no column takes",
    default: "warn",
    about: 'If no column takes a field: "warn" (and count it), "ignore", or "reject" its message',
  }),
  "ledger.schema": setting(text, {
    flag: "--ledger-schema",
    help: "Schema of etl's own tables (default: the table's)",
    variables: ["ETL_LEDGER_SCHEMA"],
    otherwise: "the schema of the target table",
    about: "The schema of etl's own tables",
    example: '"etl"',
  }),
  "drain.max_messages": setting(whole(1, 1_000_000_000), {
    flag: "--max-messages",
    otherwise: `all; ${drainDefaults.dryRunMessages} in a dry run`,
    about: "Stop after N messages",
    example: "1000000",
  }),
  "drain.batch_size": setting(whole(1, 10_000), {
    flag: "--batch-size",
    default: 500,
    about: "Rows in one statement",
  }),
  "drain.connections": setting(whole(1, 8), {
    flag: "--connections",
    help: "Connections that load at the same time (default: tuned)",
    variables: ["ETL_CONNECTIONS"],
    otherwise: "as many as bring more rows, up to 8",
    about: "Database connections that load at the same time",
    example: "4",
  }),
  "drain.receivers": setting(whole(1, 256), {
    flag: "--receivers",
    help: "Receivers at once (default: as the queue needs)",
    otherwise: "as many as bring more messages, up to 80",
    about: "Receivers at once",
    example: "16",
  }),
  // SQS holds a receive open for 20 seconds at most.
  "drain.wait_seconds": setting(whole(0, 20), {
    flag: "--wait-seconds",
    help: `Long poll when empty (default: ${waits})`,
    otherwise: waits,
    about: "Seconds that a poll of an empty queue is held open",
    example: "5",
  }),
  "drain.max_in_flight": setting(whole(10, 100_000), {
    flag: "--max-in-flight",
    help: "Messages in memory (default: by the receivers)",
    otherwise: "a batch for each load and one more, and 20 for each receiver",
    about: "Messages in memory",
    example: "4000",
  }),
  // A day at the most: whoever wants to wait longer wants `--follow`.
  "drain.give_up_after_seconds": setting(whole(0, 86_400), {
    flag: "--give-up-after",
    help: "Seconds to wait for a failing service (default: 300)",
    default: 300,
    about: "Seconds to wait for a failing queue or database; for ever with --follow",
  }),
  "drain.grace_seconds": setting(whole(0, 3_600), {
    flag: "--grace-seconds",
    default: 20,
    about: "Seconds a stopped run may take to settle",
  }),
  "rejects.action": setting(word(["leave", "dead-letter"]), {
    flag: "--on-reject",
    help: "leave (default), or dead-letter: send it on, whole",
    default: "leave",
    about: 'What becomes of rejected messages: "leave" in the queue, or "dead-letter": sent on, whole',
  }),
  "rejects.dead_letter_url": setting(text, {
    flag: "--dead-letter-url",
    valueName: "URL",
    help: "The queue for --on-reject dead-letter",
    about: 'The queue for "dead-letter"',
    example: '"https://sqs.eu-west-1.amazonaws.com/123456789012/login-rejects"',
  }),
  "log.format": setting(word(["text", "json"]), {
    default: "text",
    about: 'Log lines for people, or "json": one object a line',
  }),
  "log.quiet": setting(truth, {
    flag: "--quiet",
    default: false,
    about: "Log nothing but warnings and errors",
  }),
} as const;

type Table = typeof settingTable;

/** A setting by its place in the file, such as `queue.url`. */
export type SettingKey = keyof Table;

/** What a setting holds when it is set. */
export type SettingValue<Key extends SettingKey> =
  Table[Key]["kind"] extends FileKind<infer Value> ? Value : never;

type Section<Name extends string> = {
  readonly [Key in SettingKey as Key extends `${Name}.${infer Inner}` ? Inner : never]?:
    | SettingValue<Key>
    | undefined;
};

type SectionName = SettingKey extends `${infer Name}.${string}` ? Name : never;

/** `[table]` as it was written, with its columns. */
export type FileTable = Section<"table"> & { readonly columns?: readonly FileColumn[] | undefined };

/** `etl.toml` as it was written. */
export type FileSettings = {
  readonly [Name in SectionName]?: (Name extends "table" ? FileTable : Section<Name>) | undefined;
};

/** A row of the table, as everything that goes through all of them sees it. */
export function settingOf(key: SettingKey): Setting {
  return settingTable[key];
}

/** All of them, in the order of the file. */
export const settingKeys = Object.keys(settingTable) as readonly SettingKey[];
