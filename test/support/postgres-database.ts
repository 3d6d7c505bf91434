/** Opens the adapter under test on a test database. */

import { EtlError } from "../../src/errors.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { readTable } from "../../src/postgres/catalog.ts";
import { type Database, type Deadlines, openDatabase } from "../../src/postgres/connect.ts";
import { type ConnectionSettings, readConnectionSettings } from "../../src/postgres/connection-settings.ts";
import { registerQueue } from "../../src/postgres/ledger.ts";
import { createPostgresSink } from "../../src/postgres/sink.ts";

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
  }).settings;
}

/** Opens the database that a URL names. */
export function openUrl(url: string, deadlines: Deadlines = patientDeadlines): Database {
  return openDatabase(settingsOf(url), deadlines);
}

/** Makes the sink of the reference mapping as a command does. The migration must have run. */
export async function openLoginSink(
  database: Database,
  arn = "arn:aws:sqs:eu-west-1:000000000000:login-queue",
) {
  const table = await readTable(database, "user_logins");
  const queueId = await registerQueue(database, table, arn, table);
  return createPostgresSink(database, { table, mapping: userLogins, queueId });
}
