/** What the set-up needs of the world: a queue to look into, a database to connect to, a key to mask under. */

import type { ColumnType, Mapping } from "../message/mapping.ts";
import type { Message } from "../message/message.ts";
import type { ColumnLimits } from "../message/row.ts";

/** Who the queue is asked as. */
export interface Identity {
  /** Where the credentials came from, in words, such as `the profile prod (AWS_PROFILE)`. */
  readonly source: string;
  /** Absent where nobody can say: a server that stands for SQS has no token service. */
  readonly arn?: string | undefined;
}

/** What a person should know of a queue before it is drained. */
export interface QueueFacts {
  /** Messages that can be received now, approximately. */
  readonly visible: number;
  readonly inFlight: number;
  readonly visibilityTimeoutSeconds: number;
  readonly fifo: boolean;
  /** After this many receives the queue moves a message to its dead-letter queue. */
  readonly maxReceiveCount?: number | undefined;
  readonly deadLetterArn?: string | undefined;
}

/** A few messages, which are back in the queue by the time they are looked at. */
export interface Sample {
  readonly messages: readonly Message[];
  /** How many come back by the queue's visibility time-out only, because giving them back failed. */
  readonly notReleased: number;
}

/** How a sample is taken. */
export interface SampleOptions {
  readonly maxMessages: number;
  /** Whether a body may point to its payload in S3, which is then fetched. */
  readonly extendedPayloads: boolean;
}

/** One queue. */
export interface SetupQueue {
  readonly name: string;
  /** @throws EtlError where the queue cannot be reached, or the identity may not ask it */
  facts(): Promise<QueueFacts>;
  /** Receives messages with their senders' attributes and makes each visible again, whatever happens meanwhile. */
  sample(options: SampleOptions): Promise<Sample>;
}

/** The queues of one account. */
export interface SetupQueues {
  /** @throws EtlError where there are no credentials, or they are refused */
  identity(): Promise<Identity>;
  /**
   * The URLs of the queues there are, in the queue's own order.
   *
   * @throws EtlError where the identity may not list them, or no region is known
   */
  list(): Promise<readonly string[]>;
  /** @throws EtlError where the URL cannot be used; nothing is sent */
  open(url: string): SetupQueue;
}

/** One column of a table that is there, seen from what would be stored in it. */
export interface TargetColumn {
  readonly name: string;
  /** The type as a person writes it, such as `character varying(32)`. */
  readonly declaredType: string;
  /** The kinds of values that it takes unchanged, {@link ColumnType}s. */
  readonly takes: readonly ColumnType[];
  /** How many characters a text may have; absent where nothing limits it. */
  readonly maxCharacters?: number | undefined;
  readonly nullable: boolean;
  /** Whether the database fills it where nothing is given. */
  readonly hasDefault: boolean;
  /** Whether it takes no value at all. */
  readonly alwaysGenerated: boolean;
}

/** A table that is there. */
export interface TargetTable {
  /** The name as `--table` takes it. */
  readonly name: string;
  readonly columns: readonly TargetColumn[];
  readonly limits: ColumnLimits;
}

/** A table in the list of those that are there. */
export interface TableChoice {
  /** The name as `--table` takes it, with its schema where the search path does not lead to it. */
  readonly name: string;
  readonly columns: number;
  /** About how many rows; absent where the server has not counted. */
  readonly rows?: number | undefined;
}

/** How to get into a database. */
export type DatabaseAnswer =
  /** As the settings that are there already say: flags, environment, file. */
  | { readonly kind: "settings" }
  /** `postgres://…`, without a password in it. */
  | { readonly kind: "url"; readonly url: string; readonly password?: string | undefined };

/** A database that has answered. */
export interface SetupDatabase {
  /** Host and port, or a socket's path. */
  readonly address: string;
  readonly name: string;
  readonly user: string;
  /** The tables that this user may insert into. */
  tables(): Promise<readonly TableChoice[]>;
  /** @returns undefined where there is no such table */
  table(name: string): Promise<TargetTable | undefined>;
  /**
   * Holds a mapping against the table as `etl drain` will.
   *
   * @throws EtlError for the first thing that does not fit
   */
  check(name: string, mapping: Mapping): Promise<void>;
  /**
   * Creates the table and its ledger where they are missing, all or nothing.
   *
   * @returns the names of what was created
   */
  migrate(name: string, mapping: Mapping): Promise<readonly string[]>;
  close(): void;
}

/** The way to databases. */
export interface SetupDatabases {
  /**
   * Connects, once, to see that it can be done.
   *
   * @throws EtlError where it cannot; of kind `permission` where a password may be what is missing
   */
  connect(answer: DatabaseAnswer): Promise<SetupDatabase>;
}

/** The key that personal fields are masked under. */
export interface SetupKey {
  readonly bytes: Uint8Array;
  /** Where it is, or will be, in words for a person. */
  readonly place: string;
  /** What `[mask] key_file` has to say; absent where the environment holds the key. */
  readonly file?: string | undefined;
  /** Whether it is yet to be written. */
  readonly isNew: boolean;
}

/** All of it. */
export interface SetupPorts {
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  readonly queues: SetupQueues;
  readonly databases: SetupDatabases;
  /** @throws EtlError where there is a key that cannot be used */
  key(): SetupKey;
}
