/** What is known of the database: asked by somebody else, and judged by the checks. */

import type { EtlError } from "../errors.ts";
import type { Answer } from "./finding.ts";

/** Where the database is, by the settings. */
export interface ConnectionFacts {
  /** Without a secret. */
  readonly address: string;
  readonly name: string;
  readonly user: string;
  /** libpq's `sslmode`, as it comes out. */
  readonly tlsMode: "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** Whether nothing of it leaves this machine. */
  readonly local: boolean;
  /** What was not taken as it was set, such as a password file that others may read. */
  readonly warnings: readonly string[];
}

/** The server's own words. */
export interface ServerFacts {
  /** Such as 160004. */
  readonly versionNumber: number;
  /** Such as `16.4`. */
  readonly version: string;
  readonly standby: boolean;
  /** Whether the user's transactions may not write where nothing else is said. */
  readonly readOnly: boolean;
  /** Whether the connection is encrypted, by the server; undefined where it does not say. */
  readonly encrypted: boolean | undefined;
  /** Whether the server waits for its disk. */
  readonly fsync: boolean;
}

/** The live table. */
export interface TableFacts {
  /** As SQL takes it. */
  readonly sqlName: string;
  readonly unlogged: boolean;
  /** The first thing of the table that the mapping does not fit. */
  readonly misfit: EtlError | undefined;
  /** What the user lacks on it, such as `insert`. */
  readonly lacking: readonly string[];
  /** Triggers that run before a row is stored, and may leave it out. */
  readonly rowTriggers: readonly string[];
  /** Rules that rewrite an insert. */
  readonly insertRules: readonly string[];
  /** Whether policies decide which rows the user may insert. */
  readonly rowSecurity: boolean;
  /** Under which keys its first rows are masked, by their ids, and the id of the one that is set. */
  readonly maskKeys:
    | Answer<{ readonly set: string; readonly found: readonly string[] }>
    | "none needed"
    | "no good key"
    | "not readable";
}

/** The ledger beside the table. */
export interface LedgerFacts {
  /** As SQL takes it. */
  readonly sqlName: string;
  /** Those of `etl_ledger` and `etl_queue` that are not there. */
  readonly missing: readonly string[];
  readonly unlogged: boolean;
  /** Whether columns and key are those that `etl migrate` makes. */
  readonly intact: boolean;
  /** What the user lacks, such as `delete on etl_ledger`. */
  readonly lacking: readonly string[];
  /** Of the tables that `etl status` reads, those that are not there. */
  readonly missingRecords: readonly string[];
  /** What the user lacks on those that are there, such as `insert on etl_run`. */
  readonly lackingRecords: readonly string[];
  /** The number that the queue has in it; undefined where it has none, or where nobody could ask. */
  readonly queueNumber: number | undefined;
}

/** Everything that is known of the database side. What was not asked is absent: something before it has failed. */
export interface DatabaseFacts {
  readonly connection: Answer<ConnectionFacts>;
  readonly server?: Answer<ServerFacts> | undefined;
  readonly table?: Answer<TableFacts> | undefined;
  readonly ledger?: Answer<LedgerFacts> | undefined;
  /** By which the ledger knows the queue; undefined where the queue did not say it. */
  readonly queueArn: string | undefined;
}
