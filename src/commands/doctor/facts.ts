/** Asks settings, queue and database for the facts of `etl doctor`. Nothing is changed. */

import { callerIdentity } from "../../aws/identity.ts";
import type { Answer, Facts, MaskKeyFacts, TableFacts } from "../../doctor/check.ts";
import { oldestServer } from "../../doctor/database-checks.ts";
import { maskKeyId } from "../../message/mask.ts";
import { keyedColumns, usesKey, usesPlainHash } from "../../message/stored-type.ts";
import { readTable } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import type { TableName } from "../../postgres/identifier.ts";
import {
  describeServer,
  inspectLedger,
  inspectTable,
  isLocal,
  maskKeysIn,
} from "../../postgres/inspection.ts";
import { ledgerHome } from "../../postgres/ledger.ts";
import { readLoadNeeds } from "../../postgres/load-needs.ts";
import { readPartitionCover } from "../../postgres/missing-partition.ts";
import { readLastRun } from "../../postgres/status.ts";
import { checkTable } from "../../postgres/table-check.ts";
import { readMaskKey } from "../../settings/mask-key.ts";
import type { Settings } from "../../settings/settings.ts";
import { readTextFile } from "../../settings/text-file.ts";
import type { QueueDescription } from "../../sqs/attributes.ts";
import { deadLetterAttributes } from "../../sqs/dead-letter.ts";
import { inspectQueue } from "../../sqs/inspection.ts";
import { redrivePlace, resolveEndpoint } from "../../sqs/queue-url.ts";
import { type Ask, answerOf, askInTime, patienceMillis } from "../answer.ts";
import type { Context } from "../context.ts";
import { defaultMethod } from "../masker.ts";
import { accountParts, noDeadLetterQueue, sourceParts } from "../queue.ts";
import { readDatabaseSettings } from "../table.ts";

/**
 * All facts. Queue and database are asked at the same time, and a terminal shows which of them is still waited for.
 *
 * @throws nothing but bugs: an error is the answer to its question
 */
export async function gatherFacts(settings: Answer<Settings>, context: Context): Promise<Facts> {
  if ("error" in settings) return { settings };
  const waiting = new Set(["the queue", "the database"]);
  const show = () => context.log.status(waiting.size === 0 ? null : `asking ${[...waiting].join(" and ")} …`);
  const shown = <T>(subject: string, promise: Promise<T>): Promise<T> =>
    promise.finally(() => {
      waiting.delete(subject);
      show();
    });
  show();
  const described = Promise.withResolvers<QueueDescription | undefined>();
  const [maskKey, queue, database] = await Promise.all([
    answerOf(() => maskKeyFacts(settings.value)),
    shown("the queue", queueFacts(settings.value, context, described.resolve)),
    shown("the database", databaseFacts(settings.value, context, described.promise)),
  ]);
  return { settings, maskKey, ...queue, ...database };
}

/** Of the key itself no more than its length and its id. */
function maskKeyFacts({ mask, table: { mapping } }: Settings): MaskKeyFacts {
  const method = defaultMethod(mask.algorithm);
  const plainHash = usesPlainHash(mapping, method);
  if (!usesKey(mapping, method)) return { plainHash };
  const key = readMaskKey(mask, readTextFile);
  const inFile = mask.key === undefined;
  const place = (inFile ? mask.keyFile : mask.keyVariable) ?? "ETL_MASK_KEY";
  return { key: { place, bytes: key.length, inFile, id: maskKeyId(key) }, plainHash };
}

/** What suits a person who waits: one more try after a lost connection. The clock has a check of its own, which warns. */
const forAPerson = {
  retryPolicy: { attempts: 2, firstPauseMillis: 100, longestPauseMillis: 100, totalMillis: 1_000 },
  onClockSkew: undefined,
};

/**
 * Opens a queue of the settings, for a person who waits.
 *
 * @throws EtlError of kind config if no queue is named, or its URL cannot be used
 */
export function openInspection(settings: Settings["queue"], context: Pick<Context, "env" | "log">) {
  const parts = { ...sourceParts(settings, context), ...forAPerson };
  return { ...resolveEndpoint(parts.queue), ...inspectQueue(parts) };
}

/** @param onDescribed told what the queue says of itself, or that it cannot be known, as soon as that is clear */
async function queueFacts(
  settings: Settings,
  context: Context,
  onDescribed: (description: QueueDescription | undefined) => void,
): Promise<Partial<Facts>> {
  const hint = "check the queue URL, AWS_ENDPOINT_URL_SQS, HTTPS_PROXY and the network";
  const opened = await answerOf(() => openInspection(settings.queue, context));
  if ("error" in opened) {
    onDescribed(undefined);
    return {
      queue: opened,
      deadLetters: await deadLetterFacts(settings, context, askInTime("the queue", hint)),
    };
  }
  const { queue, host, describe, permission, clockAheadMillis } = opened.value;
  const ask = askInTime(host, hint);
  const asked = ask(describe);
  void asked.then((answer) => onDescribed("value" in answer ? answer.value : undefined));
  const [identity, clock, description, receive, remove, changeVisibility, redriveTarget, deadLetters] =
    await Promise.all([
      ask(() => callerIdentity({ ...accountParts(settings.queue, context), ...forAPerson })),
      ask((signal) => clockAheadMillis(signal).catch(() => undefined)),
      asked,
      ask((signal) => permission("receive", signal)),
      ask((signal) => permission("delete", signal)),
      ask((signal) => permission("changeVisibility", signal)),
      asked.then((answer) => redriveTargetOf(answer, settings, context, ask)),
      deadLetterFacts(settings, context, ask),
    ]);
  return {
    queue: { value: queue },
    identity,
    clockAheadMillis: "value" in clock ? clock.value : undefined,
    description,
    receive,
    delete: remove,
    changeVisibility,
    redriveTarget,
    deadLetters,
  };
}

async function redriveTargetOf(
  answer: Answer<QueueDescription>,
  { queue }: Settings,
  context: Context,
  ask: Ask,
): Promise<Facts["redriveTarget"]> {
  if ("error" in answer || queue.url === undefined) return undefined;
  const url = redrivePlace(queue.url, answer.value)?.url;
  if (url === undefined) return undefined;
  return await ask(async (signal) => openInspection({ ...queue, url }, context).describe(signal));
}

async function deadLetterFacts(
  { queue, rejects: { action, deadLetterUrl: url } }: Settings,
  context: Context,
  ask: Ask,
): Promise<Facts["deadLetters"]> {
  if (action === "leave") return undefined;
  return await answerOf(async () => {
    if (url === undefined) throw noDeadLetterQueue();
    const opened = openInspection({ ...queue, url }, context);
    const [description, send] = await Promise.all([
      ask((signal) => opened.describe(signal, deadLetterAttributes)),
      ask((signal) => opened.permission("send", signal)),
    ]);
    return { queue: opened.queue, description, send };
  });
}

/** Asks step by step, up to the first answer that the next step rests on and that does not come. */
async function databaseFacts(
  settings: Settings,
  context: Context,
  described: Promise<QueueDescription | undefined>,
): Promise<Partial<Facts>> {
  const log = { ...context.log, warn: () => {} };
  const read = await answerOf(() => readDatabaseSettings(settings, { ...context, log }));
  if ("error" in read) return { connection: read };
  const deadlines = { connectTimeoutMillis: patienceMillis, statementTimeoutMillis: patienceMillis };
  const database = openDatabase(read.value, deadlines);
  const { address, name, user } = database;
  const { tls, openPasswordFile } = read.value;
  const local = isLocal(read.value);
  const connection = { value: { address, name, user, tlsMode: tls.mode, local, openPasswordFile } };
  const ask: Ask = (question) =>
    askInTime(`the database at ${address}`, "check the network, and the load of the database")(question);
  try {
    const server = await ask((signal) => describeServer(database, signal));
    const isUsable = "value" in server && server.value.versionNumber >= oldestServer.versionNumber;
    if (!isUsable) return { connection, server };
    const table = await ask((signal) => tableFacts(database, settings, signal));
    if ("error" in table) return { connection, server, table };
    const queue = await described;
    const name = table.value;
    const partitions = await ask((signal) =>
      readPartitionCover(database, name, queue?.retentionSeconds, signal),
    );
    const home = ledgerHome(table.value, settings.ledger);
    const ledger = await ask((signal) => inspectLedger(database, home, table.value, queue, signal));
    if (queue === undefined || "error" in ledger) return { connection, server, table, partitions, ledger };
    const of = { queue: queue.arn, table: name.sqlName };
    const lastRun = await ask((signal) => readLastRun(database, home, of, signal));
    return { connection, server, table, partitions, ledger, lastRun };
  } finally {
    database.close();
  }
}

async function tableFacts(
  database: Database,
  { table: { name, mapping }, mask }: Settings,
  signal: AbortSignal,
): Promise<TableFacts & TableName> {
  const method = defaultMethod(mask.algorithm);
  const description = await readTable(database, name, signal);
  const access = await inspectTable(database, description, mapping, signal);
  const keyed = keyedColumns(mapping, method);
  const maskKeys = await answerOf(() =>
    keyed.length === 0 ? [] : maskKeysIn(database, description, keyed, signal),
  );
  const needs = await readLoadNeeds(database, description, mapping, { operation: "read needs", signal });
  const fit = await answerOf(() => checkTable(description, mapping, method));
  const misfit = "error" in fit ? fit.error : undefined;
  return { ...description, ...access, misfit, maskKeys, needs };
}
