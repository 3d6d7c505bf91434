/** Gathers what is known of the database side for `etl doctor`: catalogs are read, and nothing is changed. */

import { oldestServer } from "../../doctor/database-checks.ts";
import type { DatabaseFacts, TableFacts } from "../../doctor/database-facts.ts";
import { EtlError } from "../../errors.ts";
import { keyedColumns } from "../../message/stored-type.ts";
import { maskKeyId } from "../../message/transforms/mask.ts";
import { readTable, type TableDescription } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import {
  describeServer,
  inspectLedger,
  inspectTable,
  isLocal,
  maskKeysIn,
} from "../../postgres/inspection.ts";
import { ledgerHome } from "../../postgres/ledger.ts";
import { checkTable } from "../../postgres/table-check.ts";
import { readMaskKey } from "../../settings/mask-key.ts";
import type { Settings } from "../../settings/settings.ts";
import { readTextFile } from "../../settings/text-file.ts";
import type { Context } from "../context.ts";
import { defaultMethod } from "../masker.ts";
import { readDatabaseSettings } from "../table.ts";
import { answerNow, answerOf, openDeadline, patienceMillis } from "./answer.ts";

const deadlines = { connectTimeoutMillis: patienceMillis, statementTimeoutMillis: patienceMillis };

/**
 * Asks the database, step by step.
 *
 * @param queueArn by which the ledger knows the queue; awaited when it is needed
 */
export async function databaseFacts(
  settings: Pick<Settings, "database" | "table" | "mask" | "ledger">,
  queueArn: Promise<string | undefined>,
  context: Context,
): Promise<DatabaseFacts> {
  const warnings: string[] = [];
  const log = { ...context.log, warn: (text: string) => void warnings.push(text) };
  const read = answerNow(() => readDatabaseSettings(settings, { ...context, log }));
  if ("error" in read) return { connection: read, queueArn: undefined };
  const connection = read.value;
  const database = openDatabase(connection, deadlines);
  const { address, name, user } = database;
  const known = {
    connection: {
      value: { address, name, user, tlsMode: connection.tls.mode, local: isLocal(connection), warnings },
    },
  };
  const inTime = async <T>(ask: (signal: AbortSignal) => Promise<T>) => {
    const deadline = openDeadline(
      `the database at ${address}`,
      "check the network, and the load of the database",
    );
    const answer = await answerOf(ask(deadline.signal));
    deadline.end();
    return answer;
  };
  try {
    const server = await inTime((signal) => describeServer(database, signal));
    const isUsable = "value" in server && server.value.versionNumber >= oldestServer.versionNumber;
    if (!isUsable) return { ...known, server, queueArn: undefined };
    const table = await inTime((signal) => tableFacts(database, settings, signal));
    if ("error" in table) return { ...known, server, table, queueArn: undefined };
    const { description, facts } = table.value;
    const arn = await queueArn;
    const home = ledgerHome(description, settings.ledger);
    const ledger = await inTime((signal) => inspectLedger(database, home, description, arn, signal));
    return { ...known, server, table: { value: facts }, ledger, queueArn: arn };
  } finally {
    database.close();
  }
}

async function tableFacts(
  database: Database,
  { table: { name, mapping }, mask }: Pick<Settings, "table" | "mask">,
  signal: AbortSignal,
): Promise<{ readonly description: TableDescription; readonly facts: TableFacts }> {
  const description = await readTable(database, name, signal);
  const access = await inspectTable(database, description, mapping, signal);
  const maskKeys = await maskKeyFacts(database, description, { table: { name, mapping }, mask }, signal);
  const { sqlName, unlogged } = description;
  return { description, facts: { sqlName, unlogged, misfit: misfitOf(), ...access, maskKeys } };

  function misfitOf(): EtlError | undefined {
    try {
      checkTable(description, mapping, defaultMethod(mask.algorithm));
      return undefined;
    } catch (error) {
      if (error instanceof EtlError) return error;
      throw error;
    }
  }
}

async function maskKeyFacts(
  database: Database,
  description: TableDescription,
  { table: { mapping }, mask }: Pick<Settings, "table" | "mask">,
  signal: AbortSignal,
): Promise<TableFacts["maskKeys"]> {
  const columns = keyedColumns(mapping, defaultMethod(mask.algorithm));
  if (columns.length === 0) return "none needed";
  const key = answerNow(() => readMaskKey(mask, readTextFile));
  if ("error" in key) return "no good key";
  const set = maskKeyId(key.value);
  const found = await answerOf(maskKeysIn(database, description, columns, signal));
  if ("error" in found) return found;
  return found.value === undefined ? "not readable" : { value: { set, found: found.value } };
}
