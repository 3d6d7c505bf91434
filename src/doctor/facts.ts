/** What the checks judge. Everything here is asked for once, before the first check runs. */

import type { EtlError } from "../errors.ts";
import type { TableDescription } from "../postgres/catalog.ts";
import type { Database } from "../postgres/connect.ts";
import type { LedgerDescription } from "../postgres/ledger-inspection.ts";
import type { ServerDescription } from "../postgres/server-inspection.ts";
import type { TableAccess } from "../postgres/table-inspection.ts";
import type { TlsMode } from "../postgres/tls.ts";
import type { Settings } from "../settings/settings.ts";
import type { CallerIdentity } from "../sqs/identity.ts";
import type { InspectedPermission } from "../sqs/inspection.ts";
import type { QueueDescription } from "../sqs/queue-description.ts";
import type { QueueUrl } from "../sqs/queue-url.ts";
import type { Answer } from "./check.ts";

/** All that is known. What is absent was not asked for, because something that it rests on failed. */
export interface Facts {
  readonly settings: Answer<Settings>;
  readonly maskKey?: Answer<MaskKeyFacts> | undefined;
  /** An error if no queue is named, or its URL cannot be used; nothing is then asked about the queue or the identity. */
  readonly queue?: Answer<QueueUrl> | undefined;
  readonly identity?: Answer<CallerIdentity> | undefined;
  /** This machine's clock against the queue's server, in milliseconds; undefined if the server does not say its time. */
  readonly clockAheadMillis?: number | undefined;
  readonly description?: Answer<QueueDescription> | undefined;
  readonly receive?: Answer<InspectedPermission> | undefined;
  readonly delete?: Answer<InspectedPermission> | undefined;
  readonly changeVisibility?: Answer<InspectedPermission> | undefined;
  /** The dead-letter queue of the redrive policy; undefined if it is in another account or region. */
  readonly redriveTarget?: Answer<QueueDescription> | undefined;
  /** With `--on-reject dead-letter`; an error if no queue is named or its URL cannot be used. */
  readonly deadLetters?: Answer<DeadLetterFacts> | undefined;
  readonly connection?: Answer<ConnectionFacts> | undefined;
  readonly server?: Answer<ServerDescription> | undefined;
  readonly table?: Answer<TableFacts> | undefined;
  readonly ledger?: Answer<LedgerDescription> | undefined;
}

/** What masking rests on. */
export interface MaskKeyFacts {
  /** Where the key is, its length and its id; absent if no column needs one. */
  readonly key?: {
    readonly place: string;
    readonly bytes: number;
    readonly inFile: boolean;
    readonly id: string;
  };
  /** Whether a column is masked with a hash that anyone can make. */
  readonly plainHash: boolean;
}

/** The queue that rejected messages are sent to. */
export interface DeadLetterFacts {
  readonly queue: QueueUrl;
  readonly description: Answer<QueueDescription>;
  readonly send: Answer<InspectedPermission>;
}

/** Where the database is, by the settings. */
export interface ConnectionFacts extends Pick<Database, "address" | "name" | "user"> {
  readonly tlsMode: TlsMode;
  /** Whether all of it stays on this machine. */
  readonly local: boolean;
  /** What was not taken as it was set, such as a password file that others may read. */
  readonly warnings: readonly string[];
}

/** The live table. */
export interface TableFacts extends Pick<TableDescription, "schema" | "sqlName" | "unlogged">, TableAccess {
  /** The first thing of the table that the mapping does not fit. */
  readonly misfit: EtlError | undefined;
  /** The ids of the keys that its first rows are masked under; undefined if the user may not read them. */
  readonly maskKeys: Answer<readonly string[] | undefined>;
}
