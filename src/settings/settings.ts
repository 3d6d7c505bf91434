/** Every setting of a run, from flags, environment, `etl.toml` and defaults, in that order of precedence. */

import type { Environment } from "../commands/context.ts";
import type { BodyFormat, Mapping } from "../message/mapping.ts";
import type { MaskAlgorithm, SettingFlags } from "./options.ts";
import { readSecret, type SecretPlaces, secretReference } from "./secret.ts";
import type { FileSettings, SettingKey } from "./setting-table.ts";
import {
  effectiveValue,
  findSetting,
  placesOf,
  type SectionSettings,
  type SettingPlaces,
  sectionSettings,
  variable,
} from "./setting-value.ts";
import { fromFolderOf, readSettingsFile } from "./settings-file.ts";
import type { ReadFile } from "./text-file.ts";

/** Where the queue is, and how its messages are written. */
export interface QueueSettings {
  readonly url?: string | undefined;
  /** `[queue] region` of the file: comes before the region in the queue's URL. */
  readonly region?: string | undefined;
  /** `AWS_REGION` or `AWS_DEFAULT_REGION`: comes after the region in the queue's URL. */
  readonly environmentRegion?: string | undefined;
  /** Where requests go instead of the queue URL's host. */
  readonly endpoint?: string | undefined;
  readonly body: BodyFormat;
  /** Whether a body may point to an object in S3 that holds it. */
  readonly extendedPayloads: boolean;
}

/** What `[database]` of `etl.toml` says, its secrets read. Flags and environment come before each of these. */
type DatabaseFileSettings = Omit<NonNullable<FileSettings["database"]>, "password_file" | "schema">;

/** Where the database is. `PG*` variables stand between the two and are read by the connection itself. */
export interface DatabaseSettings {
  /** `--database-url` or `DATABASE_URL`. */
  readonly url?: string | undefined;
  /** Empty if there is such a URL. */
  readonly file: DatabaseFileSettings;
}

/** Where rows go, and how a message becomes one. */
export interface TableSettings {
  /** As SQL writes it: `name`, `schema.name`, with quotes where it needs them. */
  readonly name: string;
  /** The preset `user-logins` if the file maps no columns. */
  readonly mapping: Mapping;
}

/** How personal fields are masked, and where the key is; {@link readMaskKey} reads it. */
export interface MaskSettings {
  /** For columns that name no method of their own. */
  readonly algorithm: MaskAlgorithm;
  /** `ETL_MASK_KEY_FILE`, or else what `[mask]` names, as an absolute path. */
  readonly keyFile?: string | undefined;
  /** The key itself, in base64. Never to be printed. */
  readonly key?: string | undefined;
  /** The variable that the key is or should be in. @defaultValue `ETL_MASK_KEY` */
  readonly keyVariable?: string | undefined;
}

/** Where etl's own tables are: `schema` as SQL writes it, absent for the schema of the target table. */
type LedgerSettings = SectionSettings<"ledger">;

/** How much is taken at a time. What is absent is for the drain to choose; `maxMessages` is absent for all there are. */
export type DrainSettings = SectionSettings<"drain">;

/** How the log is written. */
export type LogSettings = SectionSettings<"log">;

/** Every setting of a run. */
export interface Settings {
  /** The `etl.toml` that was read, if there was one. */
  readonly configPath?: string | undefined;
  readonly queue: QueueSettings;
  readonly database: DatabaseSettings;
  readonly table: TableSettings;
  readonly ledger: LedgerSettings;
  readonly mask: MaskSettings;
  readonly drain: DrainSettings;
  readonly rejects: SectionSettings<"rejects">;
  readonly log: LogSettings;
}

/** Where settings come from. */
export interface SettingSources {
  readonly flags: SettingFlags;
  readonly env: Environment;
  readonly readFile: ReadFile;
}

/**
 * Puts the settings together: flags > environment > `etl.toml` > defaults.
 *
 * @throws EtlError of kind config
 */
export function loadSettings({ flags, env, readFile }: SettingSources): Settings {
  const named = flags.config ?? variable(env, "ETL_CONFIG");
  const { path, settings: file, mapping } = readSettingsFile(named, readFile);
  const places = placesOf({ flags, env, file });
  const set = <Key extends SettingKey>(key: Key) => effectiveValue(key, places);
  const resolvePath = (written: string) => fromFolderOf(path, written);
  return {
    configPath: path,
    queue: {
      url: set("queue.url"),
      ...region(places),
      endpoint: set("queue.endpoint"),
      body: { envelope: set("queue.envelope"), encoding: set("queue.encoding") },
      extendedPayloads: set("queue.extended_payloads"),
    },
    database: databaseSettings(places, { env, readFile, resolvePath }),
    table: {
      name: tableInSchema(set("table.name"), set("database.schema")),
      mapping: { ...mapping, unmapped: set("table.unmapped") },
    },
    ledger: sectionSettings("ledger", places),
    mask: maskSettings(places, resolvePath),
    drain: sectionSettings("drain", places),
    rejects: sectionSettings("rejects", places),
    log: sectionSettings("log", places),
  };
}

/**
 * Reads them.
 *
 * @throws EtlError of kind config if a secret is not if the file says, or open to others
 */
export function databaseSettings(places: SettingPlaces, secrets: SecretPlaces): DatabaseSettings {
  const { value, origin } = findSetting("database.url", places);
  return {
    url: origin.from === "file" ? undefined : (value as string | undefined),
    file: databaseFromFile(places.file.database ?? {}, secrets),
  };
}

function databaseFromFile(
  database: NonNullable<FileSettings["database"]>,
  secrets: SecretPlaces,
): DatabaseFileSettings {
  const { url = "", password = "", password_file, sslrootcert, schema: _, ...written } = database;
  const key = password_file === undefined ? "database.password" : "database.password_file";
  const passwordReference =
    password_file === undefined ? secretReference(password) : { in: "file" as const, path: password_file };
  const urlReference = secretReference(url);
  return {
    ...written,
    url: urlReference
      ? readSecret(urlReference, "database.url", "the database's URL", secrets)
      : database.url,
    password: passwordReference && readSecret(passwordReference, key, "the database's password", secrets),
    // `system` is libpq's word for the authorities that the machine trusts.
    sslrootcert: sslrootcert && (sslrootcert === "system" ? sslrootcert : secrets.resolvePath(sslrootcert)),
  };
}

/** A part of a name: in double quotes, where it may hold a dot, or without. */
const schemaAndName = /^(?:"(?:[^"]|"")*"|[^".]*)\./;

/**
 * The table's name with its schema, as SQL writes it.
 *
 * @param schema for a name that has none, written as SQL writes it, too
 */
export function tableInSchema(name: string, schema: string | undefined): string {
  return schema === undefined || schemaAndName.test(name) ? name : `${schema}.${name}`;
}

/** The queue's URL stands between the file's region and the environment's. */
function region(places: SettingPlaces): Pick<QueueSettings, "region" | "environmentRegion"> {
  const value = effectiveValue("queue.region", places);
  const { origin } = findSetting("queue.region", places);
  return origin.from === "file" ? { region: value } : { environmentRegion: value };
}

/** Where the key is; whether it is there, and a good one, is for {@link readMaskKey} to say. */
export function maskSettings(places: SettingPlaces, resolvePath: (written: string) => string): MaskSettings {
  const algorithm = effectiveValue("mask.algorithm", places);
  const { env, file } = places;
  const key = variable(env, "ETL_MASK_KEY");
  const reference = secretReference(file.mask?.key ?? "");
  if (reference?.in === "environment") {
    return { algorithm, key: variable(env, reference.name), keyVariable: reference.name };
  }
  const written = reference?.path ?? file.mask?.key_file;
  return {
    algorithm,
    key,
    keyFile: variable(env, "ETL_MASK_KEY_FILE") ?? (written && resolvePath(written)),
  };
}
