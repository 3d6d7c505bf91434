/** Every setting of a run, from flags, environment, `etl.toml` and defaults, in that order of precedence. */

import type { Environment } from "../commands/context.ts";
import type { BodyFormat, Mapping } from "../message/mapping.ts";
import { type DatabaseSettings, databaseSettings } from "./database-settings.ts";
import type { LogFormat, MaskAlgorithm, OnReject, SettingFlags } from "./options.ts";
import { secretReference } from "./secret.ts";
import type { TabledKey } from "./setting-table.ts";
import { effectiveValue, findSetting, placesOf, type SettingPlaces, variable } from "./setting-value.ts";
import { fromFolderOf, readSettingsFile } from "./settings-file.ts";
import { tableInSchema } from "./table-name.ts";
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

/** Where rows go, and how a message becomes one. */
export interface TableSettings {
  /** As SQL writes it: `name`, `schema.name`, with quotes where it needs them. */
  readonly name: string;
  /** The preset `user-logins` where the file maps no columns. */
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

/** How the log is written. */
export interface LogSettings {
  readonly format: LogFormat;
  /** Nothing but warnings and errors. */
  readonly quiet: boolean;
}

/** Every setting of a run. */
export interface Settings {
  /** The `etl.toml` that was read, where there was one. */
  readonly configPath?: string | undefined;
  readonly queue: QueueSettings;
  readonly database: DatabaseSettings;
  readonly table: TableSettings;
  /** Where etl's own tables are; the schema of the table if it is absent. */
  readonly ledger?: { readonly schema?: string | undefined };
  readonly mask: MaskSettings;
  readonly drain: DrainSettings;
  readonly rejects: RejectSettings;
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
  const set = <Key extends TabledKey>(key: Key) => effectiveValue(key, places);
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
      mapping,
    },
    mask: maskSettings(places, resolvePath),
    drain: {
      maxMessages: set("drain.max_messages"),
      batchSize: set("drain.batch_size"),
      receivers: set("drain.receivers"),
      waitSeconds: set("drain.wait_seconds"),
      maxInFlight: set("drain.max_in_flight"),
      giveUpAfterSeconds: set("drain.give_up_after_seconds"),
      graceSeconds: set("drain.grace_seconds"),
    },
    rejects: { action: set("rejects.action"), deadLetterUrl: set("rejects.dead_letter_url") },
    log: { format: set("log.format"), quiet: set("log.quiet") },
  };
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
