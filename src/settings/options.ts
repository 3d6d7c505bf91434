/** What a command was asked to do: its flags, already checked and typed. */

/** How personal fields are masked. */
export type MaskAlgorithm = "hmac-sha256" | "sha256";

/** The names that `--mask` and `[mask] algorithm` take. */
export const maskAlgorithms = ["hmac-sha256", "sha256"] as const satisfies readonly MaskAlgorithm[];

/** Where rejected messages go. */
export type OnReject = "leave" | "dead-letter";

/** The words that `--on-reject` and `[rejects] action` take. */
export const rejectActions = ["leave", "dead-letter"] as const satisfies readonly OnReject[];

/** What happens to a row whose key the table has already. */
export const conflictActions = ["reject", "ignore", "update"] as const;

/** The mappings that are built in. */
export const tablePresets = ["user-logins"] as const;

/** How log lines are written: for people, or one JSON object a line. */
export const logFormats = ["text", "json"] as const;

/** One of {@link logFormats}. */
export type LogFormat = (typeof logFormats)[number];

/** The flags that set what `etl.toml` and the environment can set too. An absent one was not typed. */
export interface SettingFlags {
  readonly config?: string | undefined;
  readonly queueUrl?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly table?: string | undefined;
  readonly mask?: MaskAlgorithm | undefined;
  readonly maxMessages?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly receivers?: number | undefined;
  readonly waitSeconds?: number | undefined;
  readonly maxInFlight?: number | undefined;
  /** In seconds. */
  readonly giveUpAfter?: number | undefined;
  readonly graceSeconds?: number | undefined;
  readonly onReject?: OnReject | undefined;
  readonly deadLetterUrl?: string | undefined;
  /** Absent or false: not typed. */
  readonly quiet?: boolean | undefined;
}

/** `etl drain`. */
export interface DrainOptions extends SettingFlags {
  readonly dryRun: boolean;
  /** Go on when the queue is empty, until a stop signal. */
  readonly follow: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `etl migrate`. */
export interface MigrateOptions extends Pick<SettingFlags, "config" | "databaseUrl" | "table"> {
  /** Print the SQL and run nothing. */
  readonly print: boolean;
}

/** The flags that lead to a queue and to the table that it is drained into. */
type PlaceFlags = Pick<SettingFlags, "config" | "queueUrl" | "databaseUrl" | "table">;

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
