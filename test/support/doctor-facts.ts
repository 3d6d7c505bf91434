/** Facts of a world in which all is well, for tests of the doctor that break one of them. */

import { expect } from "bun:test";
import type {
  ConnectionFacts,
  DatabaseFacts,
  LedgerFacts,
  ServerFacts,
  TableFacts,
} from "../../src/doctor/database-facts.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import type { DeadLetterFacts, DescribedQueue, QueueFacts } from "../../src/doctor/queue-facts.ts";
import { type ErrorKind, EtlError } from "../../src/errors.ts";

const days = 24 * 60 * 60;

/** The URL of the queue that is drained. */
export const queueUrl = "https://sqs.eu-west-1.amazonaws.com/123456789012/logins";

/** A queue by its name. */
export function described(name: string, changes: Partial<DescribedQueue> = {}): DescribedQueue {
  return {
    arn: `arn:aws:sqs:eu-west-1:123456789012:${name}`,
    visible: 12,
    visibilityTimeoutSeconds: 30,
    retentionSeconds: 4 * days,
    fifo: false,
    maxReceiveCount: 5,
    deadLetterArn: "arn:aws:sqs:eu-west-1:123456789012:logins-dead",
    encryption: { by: "sqs" },
    redriveAllow: "all",
    ...changes,
  };
}

/** A dead-letter queue. */
export function target(changes: Partial<DescribedQueue> = {}): DescribedQueue {
  return described("logins-dead", { retentionSeconds: 14 * days, ...changes });
}

/** The queue of `--on-reject dead-letter`. */
export function letters(changes: Partial<DeadLetterFacts> = {}): DeadLetterFacts {
  const url = queueUrl.replace("logins", "rejected");
  return { url, description: { value: described("rejected") }, send: { value: "not denied" }, ...changes };
}

/** A queue side of which nothing is wrong. */
export const goodQueue: QueueFacts = {
  url: queueUrl,
  name: "logins",
  batchSize: 1000,
  identity: { value: { source: "the profile prod", arn: "arn:aws:iam::123456789012:user/loader" } },
  clockAheadMillis: 400,
  description: { value: described("logins") },
  receive: { value: "not denied" },
  delete: { value: "permitted" },
  changeVisibility: { value: "permitted" },
  redriveTarget: { value: target() },
};

const connection: ConnectionFacts = {
  address: "db.example.com:5432",
  name: "warehouse",
  user: "loader",
  tlsMode: "verify-full",
  local: false,
  warnings: [],
};

const server: ServerFacts = {
  versionNumber: 18_00_04,
  version: "18.4",
  standby: false,
  readOnly: false,
  encrypted: true,
  fsync: true,
};

const table: TableFacts = {
  sqlName: "public.user_logins",
  unlogged: false,
  misfit: undefined,
  lacking: [],
  rowTriggers: [],
  insertRules: [],
  rowSecurity: false,
  maskKeys: { value: { set: "1c2a73e4", found: ["1c2a73e4"] } },
};

const ledger: LedgerFacts = {
  sqlName: "public.etl_ledger",
  missing: [],
  unlogged: false,
  intact: true,
  lacking: [],
  missingRecords: [],
  lackingRecords: [],
  queueNumber: 3,
};

/** A database side of which nothing is wrong, but for what is given. */
export function databaseWith(changes: {
  readonly connection?: Partial<ConnectionFacts>;
  readonly server?: Partial<ServerFacts>;
  readonly table?: Partial<TableFacts>;
  readonly ledger?: Partial<LedgerFacts>;
}): DatabaseFacts {
  return {
    connection: { value: { ...connection, ...changes.connection } },
    server: { value: { ...server, ...changes.server } },
    table: { value: { ...table, ...changes.table } },
    ledger: { value: { ...ledger, ...changes.ledger } },
    queueArn: "arn:aws:sqs:eu-west-1:123456789012:logins",
  };
}

/** An answer that an error took the place of. */
export function failing(kind: ErrorKind, operation: string, code?: string): { readonly error: EtlError } {
  const hint = `mend ${operation}`;
  return { error: new EtlError({ kind, operation, message: `${operation} failed`, hint, code }) };
}

/** A finding as one line, to be told from others. */
export function lineOf({ check, status, message, hint = "", exitCode = 0 }: Finding): string {
  return [status, check, message, hint, exitCode].join(" | ");
}

/**
 * Expects that one finding is another than before, or a few in order, and that nothing else is. What was skipped only as
 * another check failed does not count.
 */
export function expectOnly(
  findings: readonly Finding[],
  before: readonly Finding[],
  expected: readonly RegExp[],
): void {
  const known = new Set(before.map(lineOf));
  const different = findings.map(lineOf).filter((line) => !known.has(line));
  const told = different.filter((line) => !/^skipped .*(needs|first)/.test(line));
  expect(told.length, different.join("\n")).toBe(expected.length);
  for (const [index, pattern] of expected.entries()) expect(told[index]).toMatch(pattern);
}
