/** Every setting of a run, from flags, environment, `etl.toml` and defaults, in that order of precedence. */

import type { Environment } from "../commands/context.ts";
import { EtlError } from "../errors.ts";
import type { FileSettings } from "./file-schema.ts";
import type { MaskAlgorithm, OnReject, SettingFlags } from "./options.ts";
import { fromFolderOf, readSettingsFile } from "./settings-file.ts";
import { type ReadFile, requireOwnerOnly } from "./text-file.ts";

/** What `[database]` of `etl.toml` says. Flags and environment come before each of these. */
interface DatabaseFileSettings {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly name?: string | undefined;
  readonly user?: string | undefined;
  /** What `password_file` holds, without its trailing newline. */
  readonly password?: string | undefined;
  readonly sslmode?: string | undefined;
  /** An absolute path, or libpq's word `system`. */
  readonly sslrootcert?: string | undefined;
}

/** Where the queue is. */
export interface QueueSettings {
  readonly url?: string | undefined;
  /** `[queue] region` of the file: comes before the region in the queue's URL. */
  readonly region?: string | undefined;
  /** `AWS_REGION` or `AWS_DEFAULT_REGION`: comes after the region in the queue's URL. */
  readonly environmentRegion?: string | undefined;
  /** Where requests go instead of the queue URL's host. */
  readonly endpoint?: string | undefined;
}

/** Where the database is. `PG*` variables stand between the two and are read by the connection itself. */
interface DatabaseSettings {
  /** `--database-url` or `DATABASE_URL`. */
  readonly url?: string | undefined;
  readonly file: DatabaseFileSettings;
}

/** How personal fields are masked, and where the key is; {@link readMaskKey} reads it. */
export interface MaskSettings {
  readonly algorithm: MaskAlgorithm;
  /** `ETL_MASK_KEY_FILE`, or else `[mask] key_file` as an absolute path. */
  readonly keyFile?: string | undefined;
  /** `ETL_MASK_KEY`: the key itself, in base64. Never to be printed. */
  readonly key?: string | undefined;
}

/** How much is taken at a time. */
export interface DrainSettings {
  /** Stop after so many messages; absent for all there are. */
  readonly maxMessages?: number | undefined;
  /** Rows in one statement. */
  readonly batchSize: number;
  /** Receivers at once; absent where the drain is to choose. */
  readonly receivers?: number | undefined;
  /** How long the queue may hold a receive open while it is empty; absent where the drain is to choose. */
  readonly waitSeconds?: number | undefined;
  /** Deliveries received and not settled; absent where the drain is to choose. */
  readonly maxInFlight?: number | undefined;
  /** How long a failing queue or database is waited for. */
  readonly giveUpAfterSeconds: number;
  /** After a stop signal, how long what is in flight may take to settle. */
  readonly graceSeconds: number;
}

/** Where rejected messages go. */
interface RejectSettings {
  readonly action: OnReject;
  readonly deadLetterUrl?: string | undefined;
}

/** Every setting of a run. */
export interface Settings {
  /** The `etl.toml` that was read, where there was one. */
  readonly configPath?: string | undefined;
  readonly queue: QueueSettings;
  readonly database: DatabaseSettings;
  /** The target table's name, as it was written. */
  readonly table: string;
  readonly mask: MaskSettings;
  readonly drain: DrainSettings;
  readonly rejects: RejectSettings;
}

/** Where settings come from. */
export interface SettingSources {
  readonly flags: SettingFlags;
  readonly env: Environment;
  readonly readFile: ReadFile;
}

/** The table of the reference job. */
const defaultTable = "user_logins";
const defaultBatchSize = 1000;
const defaultGiveUpAfterSeconds = 300;
const defaultGraceSeconds = 20;

/**
 * Puts the settings together: flags > environment > `etl.toml` > defaults.
 *
 * @throws EtlError of kind config
 */
export function loadSettings({ flags, env, readFile }: SettingSources): Settings {
  const { path, settings: file } = readSettingsFile(flags.config ?? variable(env, "ETL_CONFIG"), readFile);
  return {
    configPath: path,
    queue: {
      url: flags.queueUrl ?? variable(env, "ETL_QUEUE_URL") ?? file.queue?.url,
      region: file.queue?.region,
      environmentRegion: variable(env, "AWS_REGION") ?? variable(env, "AWS_DEFAULT_REGION"),
      endpoint: environmentEndpoint(env) ?? file.queue?.endpoint,
    },
    database: {
      url: flags.databaseUrl ?? variable(env, "DATABASE_URL"),
      file: databaseFromFile(path, file.database ?? {}, readFile),
    },
    table: flags.table ?? file.table?.name ?? defaultTable,
    mask: maskSettings(flags, env, path, file.mask ?? {}),
    drain: {
      maxMessages: flags.maxMessages ?? file.drain?.max_messages,
      batchSize: flags.batchSize ?? file.drain?.batch_size ?? defaultBatchSize,
      receivers: flags.receivers ?? file.drain?.receivers,
      waitSeconds: flags.waitSeconds ?? file.drain?.wait_seconds,
      maxInFlight: flags.maxInFlight ?? file.drain?.max_in_flight,
      giveUpAfterSeconds: flags.giveUpAfter ?? file.drain?.give_up_after_seconds ?? defaultGiveUpAfterSeconds,
      graceSeconds: flags.graceSeconds ?? file.drain?.grace_seconds ?? defaultGraceSeconds,
    },
    rejects: {
      action: flags.onReject ?? file.rejects?.action ?? "leave",
      deadLetterUrl: flags.deadLetterUrl ?? file.rejects?.dead_letter_url,
    },
  };
}

/** A variable that is set to nothing counts as not set: that is how many a script takes one back. */
function variable(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

/**
 * The endpoint that the AWS variables name.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
function environmentEndpoint(env: Environment): string | undefined {
  if (variable(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")?.toLowerCase() === "true") return undefined;
  return variable(env, "AWS_ENDPOINT_URL_SQS") ?? variable(env, "AWS_ENDPOINT_URL");
}

function databaseFromFile(
  configPath: string | undefined,
  { password_file, sslrootcert, ...written }: NonNullable<FileSettings["database"]>,
  readFile: ReadFile,
): DatabaseFileSettings {
  return {
    ...written,
    password: password_file && readPassword(fromFolderOf(configPath, password_file), readFile),
    // `system` is libpq's word for the authorities that the machine trusts.
    sslrootcert:
      sslrootcert && (sslrootcert === "system" ? sslrootcert : fromFolderOf(configPath, sslrootcert)),
  };
}

function readPassword(path: string, readFile: ReadFile): string {
  const file = readFile(path);
  if (file === undefined) {
    throw new EtlError({
      kind: "config",
      operation: "settings",
      message: `the database's password_file ${path} does not exist`,
      hint: "change [database] password_file in etl.toml",
    });
  }
  requireOwnerOnly(path, file, "the database's password");
  const password = file.text.replace(/\r?\n$/, "");
  if (password !== "" && !/[\r\n]/.test(password)) return password;
  throw new EtlError({
    kind: "config",
    operation: "settings",
    message: `${path} must hold the database's password on one line, and nothing else`,
    hint: `edit ${path}`,
  });
}

function maskSettings(
  flags: SettingFlags,
  env: Environment,
  configPath: string | undefined,
  written: NonNullable<FileSettings["mask"]>,
): MaskSettings {
  const key = variable(env, "ETL_MASK_KEY");
  const writtenFile = written.key_file && fromFolderOf(configPath, written.key_file);
  return {
    algorithm: flags.mask ?? written.algorithm ?? "hmac-sha256",
    key,
    // The environment comes before the file as a whole: a key there hides a `key_file` in the file.
    keyFile: variable(env, "ETL_MASK_KEY_FILE") ?? (key === undefined ? writtenFile : undefined),
  };
}
