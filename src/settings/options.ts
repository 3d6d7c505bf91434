/** What a command was asked to do: its flags, already checked and typed. */

import type { Camel } from "./setting.ts";
import type { SettingKey, SettingValue, settingTable } from "./setting-table.ts";

/** How personal fields are masked. */
export type MaskAlgorithm = SettingValue<"mask.algorithm">;

/** What its flag gives: of one that sets a value by being there, whether it is. */
type FlagValue<Key extends SettingKey> = (typeof settingTable)[Key] extends { readonly flagSets: unknown }
  ? boolean
  : SettingValue<Key>;

type FlagKey<Key extends SettingKey> = (typeof settingTable)[Key] extends { readonly flag: `--${infer Name}` }
  ? Camel<Name, "-">
  : never;

/** The flags that set what `etl.toml` and the environment can set too. An absent one was not typed; nor was a false one. */
export type SettingFlags = { readonly config?: string | undefined } & {
  readonly [Key in SettingKey as FlagKey<Key>]?: FlagValue<Key> | undefined;
};

/** `etl drain`. */
export interface DrainOptions extends SettingFlags {
  readonly dryRun: boolean;
  /** In a dry run: write the rows, in a transaction that is rolled back. */
  readonly writeCheck: boolean;
  /** Go on when the queue is empty, until a stop signal. */
  readonly follow: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `etl migrate`. */
export interface MigrateOptions
  extends Pick<SettingFlags, "config" | "databaseUrl" | "table" | "ledgerSchema"> {
  /** Print the SQL and run nothing. */
  readonly print: boolean;
}

/** The flags that lead to a queue and to the table that it is drained into. */
type PlaceFlags = Pick<SettingFlags, "config" | "queueUrl" | "databaseUrl" | "table" | "ledgerSchema">;

/** `etl status`. */
export interface StatusOptions extends PlaceFlags {
  readonly json: boolean;
}

/** `etl rejects list`. */
export interface RejectsListOptions extends PlaceFlags {
  readonly json: boolean;
  /** Only messages that were rejected for it. */
  readonly reason?: string | undefined;
  /** The most messages. @defaultValue 100 */
  readonly max?: number | undefined;
}

/** `etl rejects retry`. */
export interface RejectsRetryOptions extends PlaceFlags, Pick<SettingFlags, "deadLetterUrl"> {
  readonly json: boolean;
  /** Look at the messages, and move none. */
  readonly dryRun: boolean;
  /** The most messages. @defaultValue as many as there are at the start; 1,000 in a dry run */
  readonly max?: number | undefined;
}

/** `etl config check`. */
export interface ConfigCheckOptions {
  /** The file to check. @defaultValue what `ETL_CONFIG` names, or `etl.toml` in the current folder */
  readonly file?: string | undefined;
  /** A file of message bodies, one a line, to hold the mapping against. */
  readonly sample?: string | undefined;
  /** Hold the mapping against messages of the queue, which are given back. */
  readonly queue: boolean;
  /** The most messages of the queue. @defaultValue 10 */
  readonly max?: number | undefined;
}

/** `etl config show`. */
export interface ConfigShowOptions extends SettingFlags {
  readonly json: boolean;
}

/** `etl keys generate`. */
export interface KeysGenerateOptions {
  /** The file to make. @defaultValue `etl-mask.key` in the current folder */
  readonly file?: string | undefined;
}

/** `etl demo`. */
export interface DemoOptions {
  /** How many login events the queue is filled with. */
  readonly messages: number;
  /** Stay in the foreground until a stop signal, with queue and database running. */
  readonly keep: boolean;
}
