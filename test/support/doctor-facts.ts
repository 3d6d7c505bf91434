/** Facts of a world in which nothing is wrong, for tests of the doctor that break one of them. */

import { expect } from "bun:test";
import type { ConnectionFacts, DeadLetterFacts, Facts, TableFacts } from "../../src/doctor/check.ts";
import { type Finding, runChecks } from "../../src/doctor/check.ts";
import { checks } from "../../src/doctor/checks.ts";
import { type ErrorKind, EtlError } from "../../src/errors.ts";
import type { LedgerDescription, ServerDescription } from "../../src/postgres/inspection.ts";
import type { RecordedRun } from "../../src/postgres/status.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import type { QueueDescription } from "../../src/sqs/attributes.ts";
import { parseQueueUrl } from "../../src/sqs/queue-url.ts";
import { runRecord } from "./postgres-records.ts";

const days = 24 * 60 * 60;
const url = (name: string) => parseQueueUrl(`https://sqs.eu-west-1.amazonaws.com/123456789012/${name}`);
const arn = (name: string) => `arn:aws:sqs:eu-west-1:123456789012:${name}`;

/** The answer that a queue of this name gives about itself, but for what is given. */
export function described(name: string, changes: Partial<QueueDescription> = {}) {
  const value: QueueDescription = {
    arn: arn(name),
    visible: 12,
    inFlight: 0,
    delayed: 0,
    visibilityTimeoutSeconds: 30,
    retentionSeconds: 4 * days,
    fifo: false,
    maxReceiveCount: 5,
    deadLetterArn: arn("logins-dead"),
    encryption: { by: "sqs" },
    redriveAllow: "all",
    ...changes,
  };
  return { value };
}

/** The queue that is drained, but for what is given. */
export function queueWith(changes: Partial<QueueDescription>): Partial<Facts> {
  return { description: described("logins", changes) };
}

/** The dead-letter queue of its redrive policy. */
export function targetWith(changes: Partial<QueueDescription>): Partial<Facts> {
  return { redriveTarget: described("logins-dead", { retentionSeconds: 14 * days, ...changes }) };
}

/** A queue without a redrive policy. */
export function noRedrive(): Partial<Facts> {
  const { maxReceiveCount: _, deadLetterArn: __, ...value } = described("logins").value;
  return { description: { value }, redriveTarget: undefined };
}

/** The queue of `--on-reject dead-letter`. */
export function deadLettersWith(changes: Partial<DeadLetterFacts>): Partial<Facts> {
  const good = {
    queue: url("rejected"),
    description: described("rejected"),
    send: { value: "not denied" },
  } as const;
  return { deadLetters: { value: { ...good, ...changes } } };
}

/** Settings from these flags alone. */
export function settingsWith(flags: Parameters<typeof loadSettings>[0]["flags"]): Pick<Facts, "settings"> {
  return { settings: { value: loadSettings({ flags, env: {}, readFile: () => undefined }) } };
}

/** The way to the database. */
export function connectionWith(changes: Partial<ConnectionFacts>): Partial<Facts> {
  const place = { address: "db.example.com:5432", name: "warehouse", user: "loader" };
  return {
    connection: {
      value: { ...place, tlsMode: "verify-full", local: false, openPasswordFile: undefined, ...changes },
    },
  };
}

/** The server. */
export function serverWith(changes: Partial<ServerDescription>): Partial<Facts> {
  const state = { standby: false, readOnly: false, encrypted: true, fsync: true };
  return { server: { value: { versionNumber: 18_00_04, version: "18.4", ...state, ...changes } } };
}

/** The table. */
export function tableWith(changes: Partial<TableFacts>): Partial<Facts> {
  const value = {
    schema: "public",
    sqlName: "public.user_logins",
    unlogged: false,
    misfit: undefined,
    lacking: [],
    rowTriggers: [],
    insertRules: [],
    rowSecurity: false,
    makePolicy: undefined,
    needs: [],
    maskKeys: { value: ["1c2a73e4"] },
    ...changes,
  };
  return { table: { value } };
}

/** The ledger and the records. */
export function ledgerWith(changes: Partial<LedgerDescription>): Partial<Facts> {
  const value = {
    sqlName: "public.etl_ledger",
    missing: [],
    unlogged: false,
    intact: true,
    lacking: [],
    missingRecords: [],
    makeKey: "create unique index on public.etl_ledger (sent_at, message_id, queue_id)",
    makeIt: "etl migrate --table public.user_logins",
    lackingRecords: [],
    queueNumber: 3,
    refusal: undefined,
    ...changes,
  };
  return { ledger: { value } };
}

/** The last run, of 100 messages that had all that columns take and nothing else, but for what is given. */
export function lastRunWith(changes: Partial<RecordedRun>): Partial<Facts> {
  const startedAt = new Date("2026-11-22T21:04:59Z");
  return { lastRun: { value: { ...runRecord({ mapped: 100, ...changes }), startedAt, endedAt: startedAt } } };
}

/** A mask key in a file. */
export const goodKey = { place: "/etc/etl.key", bytes: 32, inFile: true, id: "1c2a73e4" } as const;

/** Nothing is wrong, and rejected messages stay in the queue. */
export const goodFacts: Facts = {
  ...settingsWith({}),
  maskKey: { value: { key: goodKey, plainHash: false } },
  queue: { value: url("logins") },
  identity: { value: { source: "the profile prod", arn: "arn:aws:iam::123456789012:user/loader" } },
  clockAheadMillis: 400,
  ...queueWith({}),
  receive: { value: "not denied" },
  delete: { value: "permitted" },
  changeVisibility: { value: "permitted" },
  ...targetWith({}),
  ...connectionWith({}),
  ...serverWith({}),
  ...tableWith({}),
  ...ledgerWith({}),
  ...lastRunWith({}),
};

/** What all checks find, as lines. */
export function linesFor(facts: Facts): readonly string[] {
  return runChecks(checks, facts).map(lineOf);
}

/** An answer whose place an error took. */
export function failing(kind: ErrorKind, operation: string, code?: string): { readonly error: EtlError } {
  const hint = `mend ${operation}`;
  return { error: new EtlError({ kind, operation, message: `${operation} failed`, hint, code }) };
}

/** The answer of a queue whose attributes may not be read. */
export const denied = (operation: string) => failing("permission", operation, "AccessDenied");

/** A finding as one line. */
export function lineOf({ check, status, message, hint = "", exitCode = 0 }: Finding): string {
  return [status, check, message, hint, exitCode].join(" | ");
}

/** Expects that exactly these lines differ, in order. What was skipped because another check failed does not count. */
export function expectOnly(
  lines: readonly string[],
  before: readonly string[],
  expected: readonly RegExp[],
): void {
  const different = lines.filter((line) => !before.includes(line) && !/^skipped .* needs "/.test(line));
  expect(different.length, different.join("\n")).toBe(expected.length);
  for (const [index, pattern] of expected.entries()) expect(different[index]).toMatch(pattern);
}
