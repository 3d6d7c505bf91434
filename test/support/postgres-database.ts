/** Opens the adapter under test on a test database. */

import { EtlError } from "../../src/errors.ts";
import { userLogins } from "../../src/message/mapping.ts";
import type { MappedMessage, Rejection } from "../../src/message/message.ts";
import { readTable } from "../../src/postgres/catalog.ts";
import { type Database, type Deadlines, openDatabase } from "../../src/postgres/connect.ts";
import { type ConnectionSettings, readConnectionSettings } from "../../src/postgres/connection-settings.ts";
import { registerQueue } from "../../src/postgres/ledger.ts";
import { createPostgresLoader } from "../../src/postgres/loader.ts";
import type { PartitionGaps } from "../../src/postgres/missing-partition.ts";
import { CircuitBreaker } from "../../src/processing/circuit-breaker.ts";
import type { Failed, Loader } from "../../src/processing/outcome.ts";

/** The `EtlError` that a promise ends with; throws where it ends well or in another way. */
export async function failureOf(promise: Promise<unknown>): Promise<EtlError> {
  const error = await promise.then(
    () => new Error("nothing failed"),
    (reason: unknown) => reason,
  );
  if (error instanceof EtlError) return error;
  throw error;
}

/** Deadlines that are never met on loopback, and do not outlast a test. */
export const patientDeadlines: Deadlines = { connectTimeoutMillis: 5_000, statementTimeoutMillis: 10_000 };

/** The settings that a URL alone gives. */
export function settingsOf(url: string): ConnectionSettings {
  return readConnectionSettings({
    url,
    env: {},
    readFile: () => undefined,
    osUser: "nobody",
    homeFolder: undefined,
  });
}

/** Opens the database that a URL names. */
export function openUrl(url: string, deadlines: Deadlines = patientDeadlines): Database {
  return openDatabase(settingsOf(url), deadlines);
}

/** A loader whose fates are summed up as a run does, and which throws what would end the run, or came of all its messages. */
export interface CountingLoader {
  load(batch: readonly MappedMessage[]): Promise<{
    readonly inserted: number;
    readonly duplicates: number;
    /** Of these, messages that the ledger did not know. */
    readonly leftOut: number;
    readonly rejections: readonly Rejection[];
    /** Messages that another try may store; absent if there are none. */
    readonly unsettled?: readonly Failed[];
  }>;
  readonly loader: Loader;
}

/** Makes one. */
export function counting(loader: Loader): CountingLoader {
  return {
    loader,
    async load(batch) {
      const fates = await loader.load(batch);
      const unsettled = fates.filter((fate) => fate.kind === "unsettled");
      const end = unsettled.find(({ error }) => !(error instanceof EtlError && error.retryable));
      if (end !== undefined) throw end.error;
      if (unsettled.length > 0 && unsettled.length === batch.length) throw unsettled[0]?.error;
      const settlements = batch.map(
        ({ ref }, index) => [ref, fates[index] as (typeof fates)[number]] as const,
      );
      const { error } = new CircuitBreaker().judge(settlements, () => false);
      if (error !== undefined) throw error;
      const count = (...kinds: string[]) => fates.filter(({ kind }) => kinds.includes(kind)).length;
      return {
        inserted: count("stored"),
        duplicates: count("duplicate", "superseded"),
        leftOut: count("superseded"),
        rejections: fates.flatMap((fate) => (fate.kind === "rejected" ? [fate.rejection] : [])),
        ...(unsettled.length > 0 && { unsettled }),
      };
    },
  };
}

/** The queue that the tests' messages came from. */
export const loginQueue = {
  arn: "arn:aws:sqs:eu-west-1:000000000000:login-queue",
  retentionSeconds: 345_600,
};

/** Makes the loader of the reference mapping as a command does. The migration must have run. */
export async function openLoginLoader(
  database: Database,
  arn = loginQueue.arn,
  gaps?: PartitionGaps,
): Promise<CountingLoader> {
  const table = await readTable(database, "user_logins");
  const queueId = await registerQueue(database, table, { ...loginQueue, arn }, table);
  return counting(
    createPostgresLoader(database, {
      table,
      mapping: userLogins,
      ledger: table,
      queueId,
      ...(gaps && { gaps }),
    }),
  );
}
