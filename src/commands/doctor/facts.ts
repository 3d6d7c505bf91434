/** Asks settings, queue and database for the facts of `etl doctor`. Nothing is changed. */

import type { Answer } from "../../doctor/check.ts";
import { oldestServer } from "../../doctor/database-checks.ts";
import type { DeadLetterFacts, Facts, MaskKeyFacts, TableFacts } from "../../doctor/facts.ts";
import { keyedColumns, usesKey, usesPlainHash } from "../../message/stored-type.ts";
import { maskKeyId } from "../../message/transforms/mask.ts";
import { readTable } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { inspectLedger } from "../../postgres/ledger-inspection.ts";
import { maskKeysIn } from "../../postgres/mask-keys.ts";
import { describeServer, isLocal } from "../../postgres/server-inspection.ts";
import { checkTable } from "../../postgres/table-check.ts";
import { inspectTable } from "../../postgres/table-inspection.ts";
import { readMaskKey } from "../../settings/mask-key.ts";
import type { Settings } from "../../settings/settings.ts";
import { readTextFile } from "../../settings/text-file.ts";
import { resolveEndpoint } from "../../sqs/endpoint.ts";
import { callerIdentity } from "../../sqs/identity.ts";
import { inspectQueue } from "../../sqs/inspection.ts";
import type { SqsQueueParts } from "../../sqs/queue-client.ts";
import type { QueueDescription } from "../../sqs/queue-description.ts";
import type { RetryPolicy } from "../../sqs/retry.ts";
import { accountParts } from "../account.ts";
import { answerNow, answerOf, type Deadline, openDeadline, patienceMillis } from "../answer.ts";
import type { Context } from "../context.ts";
import { noDeadLetterQueue, redrivePlace } from "../dead-letter-place.ts";
import { defaultMethod } from "../masker.ts";
import { sourceParts } from "../queue.ts";
import { readDatabaseSettings } from "../table.ts";

/**
 * All facts. Queue and database are asked at the same time, and a terminal shows which of them is still waited for.
 *
 * @throws nothing but bugs: an error is the answer to its question
 */
export async function gatherFacts(settings: Answer<Settings>, context: Context): Promise<Facts> {
  if ("error" in settings) return { settings };
  const { log } = context;
  const waiting = new Set<string>();
  const show = () => log.status(waiting.size === 0 ? null : `asking ${[...waiting].join(" and ")} …`);
  const shown = async <T>(subject: string, promise: Promise<T>): Promise<T> => {
    waiting.add(subject);
    show();
    return await promise.finally(() => {
      waiting.delete(subject);
      show();
    });
  };
  const arn = Promise.withResolvers<string | undefined>();
  const [queue, database] = await Promise.all([
    shown("the queue", queueFacts(settings.value, context, arn.resolve)),
    shown("the database", databaseFacts(settings.value, arn.promise, context)),
  ]);
  return { settings, maskKey: answerNow(() => maskKeyFacts(settings.value)), ...queue, ...database };
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

/** A lost connection is tried once more; the deadline ends everything else. */
const retryPolicy: RetryPolicy = {
  attempts: 2,
  firstPauseMillis: 100,
  longestPauseMillis: 100,
  totalMillis: 1_000,
};

/** What suits a person who waits. The clock has a check of its own, which warns. */
const forAPerson = { retryPolicy, onClockSkew: undefined };

/** The adapter's parts for a queue of the settings, with what suits a person who waits. */
export function inspectionParts(queue: Settings["queue"], context: Context): SqsQueueParts {
  return { ...sourceParts(queue, context), ...forAPerson };
}

/** @param onArn told the queue's ARN, or that it cannot be known, as soon as that is clear */
async function queueFacts(
  settings: Settings,
  context: Context,
  onArn: (arn: string | undefined) => void,
): Promise<Partial<Facts>> {
  const opened = answerNow(() => {
    const parts = inspectionParts(settings.queue, context);
    return { ...resolveEndpoint(parts.queue), inspection: inspectQueue(parts) };
  });
  if ("error" in opened) {
    onArn(undefined);
    return {
      queue: opened,
      deadLetters: await deadLetterFacts(settings, context, hostDeadline("the queue")),
    };
  }
  const { queue, host, inspection } = opened.value;
  const deadline = hostDeadline(host);
  const { signal, ask } = deadline;
  const asked = ask(inspection.describe(signal));
  void asked.then((answer) => onArn("value" in answer ? answer.value.arn : undefined));
  const [identity, clock, description, receive, remove, changeVisibility, redriveTarget, deadLetters] =
    await Promise.all([
      ask(callerIdentity({ ...accountParts(settings.queue, context), ...forAPerson })),
      inspection.clockAheadMillis(signal).catch(() => undefined),
      asked,
      ask(inspection.permission("receive", signal)),
      ask(inspection.permission("delete", signal)),
      ask(inspection.permission("changeVisibility", signal)),
      asked.then((answer) => redriveTargetOf(answer, settings, context, deadline)),
      deadLetterFacts(settings, context, deadline),
    ]);
  return {
    queue: { value: queue },
    identity,
    clockAheadMillis: clock,
    description,
    receive,
    delete: remove,
    changeVisibility,
    redriveTarget,
    deadLetters,
  };
}

function hostDeadline(host: string): Deadline {
  return openDeadline(host, "check the queue URL, AWS_ENDPOINT_URL_SQS, HTTPS_PROXY and the network");
}

async function redriveTargetOf(
  answer: Answer<QueueDescription>,
  { queue }: Settings,
  context: Context,
  { signal, ask }: Deadline,
): Promise<Facts["redriveTarget"]> {
  if ("error" in answer || queue.url === undefined) return undefined;
  const url = redrivePlace(queue.url, answer.value)?.url;
  if (url === undefined) return undefined;
  const opened = answerNow(() => inspectQueue(inspectionParts({ ...queue, url }, context)));
  return "error" in opened ? opened : await ask(opened.value.describe(signal));
}

async function deadLetterFacts(
  { queue, rejects: { action, deadLetterUrl: url } }: Settings,
  context: Context,
  { signal, ask }: Deadline,
): Promise<Answer<DeadLetterFacts> | undefined> {
  if (action === "leave") return undefined;
  const opened = answerNow(() => {
    if (url === undefined) throw noDeadLetterQueue();
    const parts = inspectionParts({ ...queue, url }, context);
    return { queue: resolveEndpoint(parts.queue).queue, inspection: inspectQueue(parts) };
  });
  if ("error" in opened) return opened;
  const { inspection } = opened.value;
  const [description, send] = await Promise.all([
    ask(inspection.describe(signal)),
    ask(inspection.permission("send", signal)),
  ]);
  return { value: { queue: opened.value.queue, description, send } };
}

const deadlines = { connectTimeoutMillis: patienceMillis, statementTimeoutMillis: patienceMillis };

/** Asks step by step, up to the first answer that the next step rests on and that does not come. */
async function databaseFacts(
  settings: Settings,
  queueArn: Promise<string | undefined>,
  context: Context,
): Promise<Partial<Facts>> {
  const warnings: string[] = [];
  const log = { ...context.log, warn: (text: string) => void warnings.push(text) };
  const read = answerNow(() => readDatabaseSettings(settings, { ...context, log }));
  if ("error" in read) return { connection: read };
  const database = openDatabase(read.value, deadlines);
  const { address, name, user } = database;
  const [tlsMode, local] = [read.value.tls.mode, isLocal(read.value)];
  const connection = { value: { address, name, user, tlsMode, local, warnings } };
  const inTime = <T>(ask: (signal: AbortSignal) => Promise<T>) => {
    const hint = "check the network, and the load of the database";
    return answerOf(ask(openDeadline(`the database at ${address}`, hint).signal));
  };
  try {
    const server = await inTime((signal) => describeServer(database, signal));
    const isUsable = "value" in server && server.value.versionNumber >= oldestServer.versionNumber;
    if (!isUsable) return { connection, server };
    const table = await inTime((signal) => tableFacts(database, settings, signal));
    if ("error" in table) return { connection, server, table };
    const arn = await queueArn;
    const ledger = await inTime((signal) => inspectLedger(database, table.value, arn, signal));
    return { connection, server, table, ledger };
  } finally {
    database.close();
  }
}

async function tableFacts(
  database: Database,
  { table: { name, mapping }, mask }: Settings,
  signal: AbortSignal,
): Promise<TableFacts> {
  const method = defaultMethod(mask.algorithm);
  const description = await readTable(database, name, signal);
  const access = await inspectTable(database, description, mapping, signal);
  const keyed = keyedColumns(mapping, method);
  const maskKeys =
    keyed.length === 0 ? { value: [] } : await answerOf(maskKeysIn(database, description, keyed, signal));
  const fit = answerNow(() => checkTable(description, mapping, method));
  return { ...description, ...access, misfit: "error" in fit ? fit.error : undefined, maskKeys };
}
