/** What a set-up starts from, the world that it asks, and the plan that it ends with. */

import type { CallerIdentity } from "../aws/identity.ts";
import type { EtlError } from "../errors.ts";
import type { DefaultMaskMethod, Mapping } from "../message/mapping.ts";
import type { ColumnLimits, Message } from "../message/message.ts";
import type { QueueAttributes } from "../polling/ports.ts";
import type { TableColumn, UniqueIndex } from "../postgres/catalog.ts";
import type { Database } from "../postgres/connect.ts";
import type { TableSummary } from "../postgres/inspection.ts";
import type { SettingFlags } from "../settings/options.ts";
import type { QueueSettings } from "../settings/settings.ts";
import type { Asker } from "./asker.ts";

/** What flags, environment variables and an existing `etl.toml` say. */
export interface Start {
  /** From flags: not asked for again. */
  readonly given: Pick<SettingFlags, "queueUrl" | "databaseUrl" | "table">;
  /** From elsewhere: proposed. */
  readonly queue: Pick<QueueSettings, "url" | "body" | "extendedPayloads">;
  /** Where the database's settings come from, in words; absent if there are none. */
  readonly databaseFrom?: string | undefined;
  readonly table?: string | undefined;
  /** The columns of the file, for the table of the file. */
  readonly mapping?: Mapping | undefined;
  readonly defaultMask: DefaultMaskMethod;
  readonly configPath: string;
  /** Whether columns whose names are only like a field's are taken without being asked for. */
  readonly acceptGuesses: boolean;
  /** Whether anything is written in the end. */
  readonly writes: boolean;
}

/** A few messages, which are back in the queue already. */
export interface Sample {
  readonly messages: readonly Message[];
  /** How many could not be made visible again, and come back after the visibility timeout. */
  readonly notReleased: number;
}

export interface SetupQueue {
  readonly name: string;
  /** @throws EtlError if the queue cannot be reached, or the identity may not ask it */
  attributes(): Promise<QueueAttributes>;
  /**
   * Receives messages with their message attributes and makes each visible again, whatever happens meanwhile.
   *
   * @param extendedPayloads whether to fetch a payload from S3 if the body points to one
   */
  sample(maxMessages: number, extendedPayloads: boolean): Promise<Sample>;
}

export type TargetColumn = Pick<TableColumn, "name" | "type" | "nullable" | "hasDefault" | "generated">;

export interface TargetTable {
  /** The name as `--table` takes it. */
  readonly name: string;
  readonly columns: readonly TargetColumn[];
  readonly uniqueIndexes: readonly UniqueIndex[];
  readonly limits: ColumnLimits;
}

/** A database's URL without a password, and the password. */
export interface DatabaseUrl {
  readonly url: string;
  readonly password?: string | undefined;
}

/** How to connect: as flags, environment and file already say, or with a URL. */
export type DatabaseAnswer = "settings" | DatabaseUrl;

/** A database that has answered. */
export interface SetupDatabase extends Pick<Database, "address" | "name" | "user" | "close"> {
  /** The tables that this user may insert into. */
  tables(): Promise<readonly Pick<TableSummary, "sqlName" | "columns" | "estimatedRows">[]>;
  /** @returns undefined if the table does not exist */
  table(name: string): Promise<TargetTable | undefined>;
  /** Everything for which `etl drain` would refuse to write the mapping's rows into the table. */
  faults(name: string, mapping: Mapping): Promise<readonly EtlError[]>;
  /** Creates the table and its ledger if they are missing, all or nothing. Returns the names of what was created. */
  migrate(name: string, mapping: Mapping): Promise<readonly string[]>;
}

/** The key that personal fields are masked with. */
export interface SetupKey {
  readonly bytes: Uint8Array;
  /** Where it is or will be, in words for a person. */
  readonly place: string;
  /** For `[mask] key_file`; absent if the environment holds the key. */
  readonly file?: string | undefined;
  /** Whether it is not written yet. */
  readonly isNew: boolean;
}

export interface SetupPorts {
  readonly now: () => number;
  /** @throws EtlError if there are no credentials, or AWS refuses them */
  identity(): Promise<Pick<CallerIdentity, "source" | "arn">>;
  /** The URLs of the account's queues. @throws EtlError if the identity may not list them, or no region is known */
  queueUrls(): Promise<readonly string[]>;
  /** Sends nothing. @throws EtlError if the URL cannot be used */
  openQueue(url: string): SetupQueue;
  /**
   * Connects, once, to see that it can be done.
   *
   * @throws EtlError if it cannot; of kind `permission` if a password may be missing
   */
  connect(answer: DatabaseAnswer): Promise<SetupDatabase>;
  /** @throws EtlError if there is a key that cannot be used */
  key(): SetupKey;
}

/** What every question has at hand. */
export interface Session {
  readonly asker: Asker;
  readonly ports: SetupPorts;
  readonly start: Start;
}

/** What was agreed on. Nothing of it is written yet. */
export interface Plan {
  readonly queue: Start["queue"] & { readonly url: string };
  readonly databaseAnswer: DatabaseAnswer;
  /** Open; whoever gets the plan closes it. */
  readonly database: SetupDatabase;
  readonly table: string;
  readonly mapping: Mapping;
  /** Absent if nothing is masked with a key. */
  readonly key?: SetupKey | undefined;
}
