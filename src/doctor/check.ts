/**
 * What a check is, and the runner of all checks.
 *
 * To add a check, add an entry to `queueChecks` or `databaseChecks`, after the checks that it needs. If it looks at
 * something that nobody asks for yet, add that to `Facts`, and ask for it in `commands/doctor/facts.ts`.
 */

import type { CallerIdentity } from "../aws/identity.ts";
import { type ErrorKind, EtlError, exitCodes } from "../errors.ts";
import type { TableDescription } from "../postgres/catalog.ts";
import type { Database } from "../postgres/connect.ts";
import type { TlsMode } from "../postgres/connection-settings.ts";
import type { LedgerDescription, ServerDescription, TableAccess } from "../postgres/inspection.ts";
import type { Need } from "../postgres/load-needs.ts";
import type { PartitionCover } from "../postgres/missing-partition.ts";
import type { RecordedRun } from "../postgres/status.ts";
import type { Settings } from "../settings/settings.ts";
import type { QueueDescription } from "../sqs/attributes.ts";
import type { InspectedPermission } from "../sqs/inspection.ts";
import type { QueueUrl } from "../sqs/queue-url.ts";

/** What one check found. */
export interface Finding {
  readonly check: string;
  /** `skipped` if nothing is known, most often because another check failed. */
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** One sentence for a person: no secret, no row value. */
  readonly message: string;
  /** What to type or change next; absent if there is nothing to do. */
  readonly hint?: string;
  /** What a drain that fails like this exits with; only if the check failed. */
  readonly exitCode?: number;
}

/** What a check returns. */
export interface Outcome extends Omit<Finding, "check"> {
  /** Whether the checks that need this one are skipped. @defaultValue only if it failed */
  readonly stops?: boolean;
}

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
  /** The value is undefined if the table is not partitioned. */
  readonly partitions?: Answer<PartitionCover | undefined> | undefined;
  readonly ledger?: Answer<LedgerDescription> | undefined;
  /** The last run of queue and table that ended with rows; the value is undefined if none is known. */
  readonly lastRun?: Answer<RecordedRun | undefined> | undefined;
}

/** What masking rests on. */
export interface MaskKeyFacts {
  /** Where the key is, its length and its id; absent if no column needs one. */
  readonly key?: Readonly<{ place: string; bytes: number; inFile: boolean; id: string }>;
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
  /** The path of a password file that is ignored because others may read it. */
  readonly openPasswordFile: string | undefined;
}

/** The live table. */
export interface TableFacts extends Pick<TableDescription, "schema" | "sqlName" | "unlogged">, TableAccess {
  /** The first thing of the table that the mapping does not fit. */
  readonly misfit: EtlError | undefined;
  /** The ids of the keys that its first rows are masked under; undefined if the user may not read them. */
  readonly maskKeys: Answer<readonly string[] | undefined>;
  /** What a row meets on its way in, and may need a permission for. */
  readonly needs: readonly Need[];
}

/** One thing that a drain needs. */
export interface Check {
  /** Known to readers of `etl doctor --json`: do not rename it. */
  readonly name: string;
  /** Earlier checks, by name. If one of them failed, or was skipped for its needs, this one is skipped. */
  readonly needs: readonly string[];
  /** Whether there is anything to check; if not, nothing is reported. @defaultValue always */
  readonly applies?: (facts: Facts) => boolean;
  /** Judges the facts. An `EtlError` that it throws, as {@link known} does, is a failure of the check. */
  readonly run: (facts: Facts) => Outcome;
}

/** The answer to a question, or the error that came instead. */
export type Answer<T> = { readonly value: T } | { readonly error: EtlError };

/**
 * The answer's value.
 *
 * @throws EtlError the answer's error
 */
export function known<T>(answer: Answer<T> | undefined): T {
  if (answer === undefined) throw new Error("a check looks at what was not asked for: see its needs");
  if ("error" in answer) throw answer.error;
  return answer.value;
}

/** The answer's value, if there is one. */
export function ifKnown<T>(answer: Answer<T> | undefined): T | undefined {
  return answer === undefined || "error" in answer ? undefined : answer.value;
}

/** Nothing is wrong. */
export const ok = (message: string): Outcome => ({ status: "ok", message });

/** A drain works, but somebody may regret it. */
export const warning = (message: string, hint: string): Outcome => ({ status: "warning", message, hint });

/** Nothing is known, for this reason. */
export const skipped = (message: string): Outcome => ({ status: "skipped", message });

/** A drain fails, or does harm. */
export function failed(message: string, hint: string, kind: ErrorKind = "config"): Outcome {
  return { status: "failed", message, hint, exitCode: exitCodes[kind] };
}

/** As {@link failed}, but the checks that need this one can run. */
export function flawed(...failure: Parameters<typeof failed>): Outcome {
  return { ...failed(...failure), stops: false };
}

/** The failure that an error is. */
export function failedBy({ message, hint, exitCode }: EtlError): Outcome {
  return { status: "failed", message, ...(hint === undefined ? {} : { hint }), exitCode };
}

/** Runs the checks in order, each after those that it needs. Throws nothing but bugs. */
export function runChecks(checks: readonly Check[], facts: Facts): readonly Finding[] {
  /** The checks that stop others, and the failed check that is the reason. */
  const stopped = new Map<string, string>();
  const findings: Finding[] = [];
  for (const check of checks) {
    if (check.applies?.(facts) === false) continue;
    const { name } = check;
    const reason = check.needs.map((need) => stopped.get(need)).find((failure) => failure !== undefined);
    const outcome = reason === undefined ? outcomeOf(check, facts) : skipped(`needs "${reason}"`);
    const { stops = reason !== undefined || outcome.status === "failed", ...finding } = outcome;
    if (stops) stopped.set(name, reason ?? name);
    findings.push({ check: name, ...finding });
  }
  return findings;
}

function outcomeOf({ run }: Check, facts: Facts): Outcome {
  try {
    return run(facts);
  } catch (error) {
    if (error instanceof EtlError) return failedBy(error);
    throw error;
  }
}

/** How many findings there are of each status; and the exit code: that of the first failure, or 0. */
export type Summary = Readonly<Record<"ok" | "warnings" | "failed" | "skipped" | "exitCode", number>>;

/** Adds the findings up. */
export function summaryOf(findings: readonly Finding[]): Summary {
  const count = (status: Finding["status"]) => findings.filter((finding) => finding.status === status).length;
  return {
    ok: count("ok"),
    warnings: count("warning"),
    failed: count("failed"),
    skipped: count("skipped"),
    exitCode: findings.find(({ status }) => status === "failed")?.exitCode ?? 0,
  };
}
