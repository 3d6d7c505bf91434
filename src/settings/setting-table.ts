/** The table of settings: the flag and the variables that come before each key of `etl.toml`, its default, and its words. */

import type { Environment } from "../commands/context.ts";
import type { FileSettings } from "./file-schema.ts";
import type { SettingFlags } from "./options.ts";

type Sections = { readonly [Name in keyof FileSettings]-?: NonNullable<FileSettings[Name]> };

/** A setting by its place in the file, such as `queue.url`. */
export type SettingKey = {
  [Name in keyof Sections]: `${Name}.${keyof Sections[Name] & string}`;
}[keyof Sections];

/** What a setting holds where it is set. */
export type SettingValue<Key extends SettingKey> =
  Key extends `${infer Name extends keyof Sections}.${infer Inner}`
    ? Inner extends keyof Sections[Name]
      ? NonNullable<Sections[Name][Inner]>
      : never
    : never;

/** One row of the table. */
export interface Setting<Value = unknown> {
  /** Comes before everything else. */
  readonly flag?: Exclude<keyof SettingFlags, "config">;
  /** Come after the flag, the first one that is set before the others. */
  readonly variables?: readonly string[];
  /** Whether the variables are not to be asked. */
  readonly ignoresVariables?: (env: Environment) => boolean;
  /** Set where the file comes before the variables. */
  readonly fileFirst?: true;
  readonly fallback?: Value;
  /** What applies where nothing is set and no single value can be named. */
  readonly otherwise?: string;
  /** One line about it for the file, without a full stop. */
  readonly about: string;
  /** What stands in a new file as a comment, as TOML. */
  readonly example: string;
}

/** @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html */
const ignoresEndpoints = (env: Environment) =>
  env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === "true";

/** Every setting with one value; the columns of a table have a file of their own. */
export const settingTable = {
  "queue.url": {
    flag: "queueUrl",
    variables: ["ETL_QUEUE_URL"],
    about: "The SQS queue to read",
    example: '"https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue"',
  },
  "queue.region": {
    variables: ["AWS_REGION", "AWS_DEFAULT_REGION"],
    fileFirst: true,
    otherwise: "by the queue's URL",
    about: "Comes before the region that the URL names",
    example: '"eu-west-1"',
  },
  "queue.endpoint": {
    variables: ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"],
    ignoresVariables: ignoresEndpoints,
    otherwise: "the host of the queue's URL",
    about: "Where requests go instead of the URL's host",
    example: '"http://localhost:9324"',
  },
  "queue.envelope": {
    fallback: "none",
    about: 'What stands around the body: "none", "sns" (without raw delivery) or "eventbridge"',
    example: '"none"',
  },
  "queue.encoding": {
    fallback: "none",
    about: 'How the body is encoded inside of that: "none", "base64" or "gzip+base64"',
    example: '"none"',
  },
  "queue.extended_payloads": {
    fallback: false,
    about: "Whether bodies may point to an object in S3, as the extended client libraries write them",
    example: "false",
  },
  "database.url": {
    flag: "databaseUrl",
    variables: ["DATABASE_URL"],
    about:
      'Postgres; the URL itself, with a password only where this file has mode 600, or "env:NAME", or "file:PATH"',
    example: '"postgres://loader@db.example.com/warehouse?sslmode=verify-full&sslrootcert=system"',
  },
  "database.host": {
    variables: ["PGHOST"],
    otherwise: "localhost",
    about: "Or, in place of the url, part by part",
    example: '"db.example.com"',
  },
  "database.port": {
    variables: ["PGPORT"],
    otherwise: "5432",
    about: "5432 where nothing is said",
    example: "5432",
  },
  "database.name": {
    variables: ["PGDATABASE"],
    otherwise: "the user's name",
    about: "The database's name",
    example: '"warehouse"',
  },
  "database.user": {
    variables: ["PGUSER"],
    otherwise: "the operating system's user",
    about: "The role to log in with",
    example: '"loader"',
  },
  "database.password": {
    variables: ["PGPASSWORD"],
    otherwise: "none, or as ~/.pgpass says",
    about: 'Where the password is: "env:NAME" or "file:PATH", a file that its owner alone may read',
    example: '"env:DATABASE_PASSWORD"',
  },
  "database.password_file": { about: 'The same as password = "file:PATH"', example: '"database.password"' },
  "database.sslmode": {
    variables: ["PGSSLMODE"],
    otherwise: "prefer",
    about: "As in libpq; verify-full unless the database is on this host",
    example: '"verify-full"',
  },
  "database.sslrootcert": {
    variables: ["PGSSLROOTCERT"],
    otherwise: "~/.postgresql/root.crt, where it exists",
    about: 'The authority that signed the server\'s certificate, or "system"',
    example: '"ca.pem"',
  },
  "database.schema": {
    otherwise: "by the search path",
    about: "The table's schema, where its name has none",
    example: '"public"',
  },
  "mask.algorithm": {
    flag: "mask",
    fallback: "hmac-sha256",
    about: 'For columns that name no method: "hmac-sha256", or "sha256", which can be undone',
    example: '"hmac-sha256"',
  },
  "mask.key_file": {
    variables: ["ETL_MASK_KEY_FILE"],
    about: "The key, as `etl keys generate` makes it; back it up",
    example: '"etl-mask.key"',
  },
  "mask.key": {
    variables: ["ETL_MASK_KEY"],
    about: 'Or where else the key is: "env:NAME" or "file:PATH", never the key itself',
    example: '"env:MASK_KEY"',
  },
  "table.name": {
    flag: "table",
    fallback: "user_logins",
    about: "The table that rows go to; schema.name where the schema is not the one above",
    example: '"user_logins"',
  },
  "table.preset": {
    otherwise: "user-logins where no columns are mapped",
    about: "A built-in mapping, in place of [[table.columns]]; this one where there are none",
    example: '"user-logins"',
  },
  "table.conflict": {
    fallback: "reject",
    about:
      'A row whose key is there already is rejected; or "ignore": the old row stays; or "update": the newer stays',
    example: '"reject"',
  },
  "table.key": {
    about: 'With "update", or "ignore": the columns that tell rows apart',
    example: '["user_id"]',
  },
  "table.newest_by": { about: 'With "update": the column that says which is newer', example: '"updated_at"' },
  "drain.max_messages": {
    flag: "maxMessages",
    otherwise: "all; 10 in a dry run",
    about: "Stop after so many messages",
    example: "1000000",
  },
  "drain.batch_size": { flag: "batchSize", fallback: 500, about: "Rows in one statement", example: "500" },
  "drain.receivers": {
    flag: "receivers",
    otherwise: "as many as bring more messages, up to 80",
    about: "Receivers at once; as many as bring more messages, up to 80, where nothing is said",
    example: "16",
  },
  "drain.wait_seconds": {
    flag: "waitSeconds",
    otherwise: "5; 20 with --follow",
    about: "How long a poll of an empty queue is held open",
    example: "5",
  },
  "drain.max_in_flight": {
    flag: "maxInFlight",
    otherwise: "2 batches, and 20 for each receiver",
    about: "Messages in memory",
    example: "4000",
  },
  "drain.give_up_after_seconds": {
    flag: "giveUpAfter",
    fallback: 300,
    about: "How long a failing queue or database is waited for; for ever with --follow",
    example: "300",
  },
  "drain.grace_seconds": {
    flag: "graceSeconds",
    fallback: 20,
    about: "How long a stopped run may take to settle",
    example: "20",
  },
  "rejects.action": {
    flag: "onReject",
    fallback: "leave",
    about: 'What becomes of rejected messages: "leave" in the queue, or "dead-letter": sent on, whole',
    example: '"leave"',
  },
  "rejects.dead_letter_url": {
    flag: "deadLetterUrl",
    about: 'The queue for "dead-letter"',
    example: '"https://sqs.eu-west-1.amazonaws.com/123456789012/login-rejects"',
  },
  "log.format": {
    fallback: "text",
    about: 'Log lines for people, or "json": one object a line',
    example: '"text"',
  },
  "log.quiet": {
    flag: "quiet",
    fallback: false,
    about: "Log nothing but warnings and errors",
    example: "false",
  },
} as const satisfies { readonly [Key in Exclude<SettingKey, "table.columns">]: Setting<SettingValue<Key>> };

/** A setting that is a row of the table. */
export type TabledKey = keyof typeof settingTable;

/** A row of the table, as everything that goes through all of them sees it. */
export function settingOf(key: TabledKey): Setting {
  return settingTable[key];
}

/** All of them, in the order of the file. */
export const settingKeys = Object.keys(settingTable) as readonly TabledKey[];
