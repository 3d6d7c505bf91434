/** What a set-up starts from, and what it comes to: nothing of it is written before all of it is agreed on. */

import type { BodyFormat, Mapping } from "../message/mapping.ts";
import type { DefaultMaskMethod } from "../message/stored-type.ts";
import type { DatabaseAnswer, SetupDatabase, SetupKey } from "./ports.ts";

/** What flags, environment and an `etl.toml` that is there already say. */
export interface Start {
  /** From a flag: not asked for. */
  readonly given: {
    readonly queueUrl?: string | undefined;
    readonly databaseUrl?: string | undefined;
    readonly table?: string | undefined;
  };
  /** From elsewhere: proposed. */
  readonly queueUrl?: string | undefined;
  /** Where the database's settings come from, in words; absent where there are none. */
  readonly databaseFrom?: string | undefined;
  readonly table?: string | undefined;
  /** The columns of the file, for the table of the file. */
  readonly mapping?: Mapping | undefined;
  readonly body: BodyFormat;
  readonly extendedPayloads: boolean;
  readonly defaultMask: DefaultMaskMethod;
  /** The file that is to be written. */
  readonly configPath: string;
  /** Whether anything is written in the end. */
  readonly writes: boolean;
}

/** What was agreed on. */
export interface Plan {
  readonly queue: {
    readonly url: string;
    readonly body: BodyFormat;
    readonly extendedPayloads: boolean;
  };
  readonly databaseAnswer: DatabaseAnswer;
  /** Open; whoever gets the plan closes it. */
  readonly database: SetupDatabase;
  readonly table: string;
  readonly mapping: Mapping;
  /** Absent where nothing is masked under a key. */
  readonly key?: SetupKey | undefined;
}
