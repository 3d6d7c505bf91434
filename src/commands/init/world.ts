/** The world of a set-up: SQS, Postgres and the mask key, looked into and left as they were. */

import { basename, dirname, join } from "node:path";
import { callerIdentity } from "../../aws/identity.ts";
import type { DefaultMaskMethod } from "../../message/mapping.ts";
import type { Message } from "../../message/message.ts";
import { peek } from "../../polling/peek.ts";
import type { Source } from "../../polling/ports.ts";
import { columnLimits, readTable } from "../../postgres/catalog.ts";
import type { Database } from "../../postgres/connect.ts";
import { parseTableName, quoteTable } from "../../postgres/identifier.ts";
import { listTables } from "../../postgres/inspection.ts";
import { migrate } from "../../postgres/migrate.ts";
import { tableFaults } from "../../postgres/table-check.ts";
import { defaultKeyFile, readMaskKey } from "../../settings/mask-key.ts";
import type { MaskSettings, Settings } from "../../settings/settings.ts";
import { readTextFile } from "../../settings/text-file.ts";
import type { Sample, SetupDatabase, SetupKey, SetupPorts } from "../../setup/ports.ts";
import { listQueueUrls } from "../../sqs/queue-list.ts";
import type { Context } from "../context.ts";
import { newMaskKey } from "../keys.ts";
import { defaultMethod } from "../masker.ts";
import { accountParts, openQueue } from "../queue.ts";
import { openSettingsDatabase } from "../table.ts";

/** A person waits for the answer. */
const waitSeconds = 2;

/**
 * The ports of one run. After the signal, whatever waits for an answer rejects with its reason; a sample is given back
 * first.
 *
 * @param configPath a new key is written next to this file
 */
export function setupPorts(
  settings: Settings,
  context: Context,
  configPath: string,
  signal: AbortSignal,
): SetupPorts {
  // Not at once: if the configured URL cannot be used, the question for the queue says so.
  const account = () => accountParts(settings.queue, context);
  let key: SetupKey | undefined;
  return {
    now: Date.now,
    identity: () => orAborted(async () => callerIdentity(account()), signal),
    queueUrls: () => orAborted(async () => listQueueUrls(account()), signal),
    openQueue(url) {
      const open = (extendedPayloads: boolean) =>
        openQueue({ ...settings.queue, url, extendedPayloads }, context, true);
      const { name, source } = open(false);
      return {
        name,
        attributes: () => orAborted(() => source.attributes(), signal),
        sample: (maxMessages, extendedPayloads) =>
          takeSample(extendedPayloads ? open(true).source : source, maxMessages, signal),
      };
    },
    async connect(answer) {
      // A URL is read as it will be read from the file: the PG* variables come first.
      const database = answer === "settings" ? settings.database : { url: undefined, file: answer };
      const opened = openSettingsDatabase({ database }, context);
      try {
        const options = { operation: "connect", readOnly: true, signal };
        await opened.transaction(options, (transaction) => transaction.run("select 1"));
        return setupDatabase(opened, defaultMethod(settings.mask.algorithm), signal);
      } catch (error) {
        opened.close();
        throw error;
      }
    },
    key() {
      key ??= findKey(settings.mask, configPath);
      return key;
    },
  };
}

async function orAborted<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([ask(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function setupDatabase(
  database: Database,
  defaultMask: DefaultMaskMethod,
  signal: AbortSignal,
): SetupDatabase {
  return {
    ...database,
    tables: () => listTables(database, signal),
    async table(written) {
      const options = { operation: "read table", readOnly: true, signal };
      const [row] = await database.transaction(options, (transaction) =>
        transaction.run("select pg_catalog.to_regclass($1::text) is not null as there", [
          quoteTable(parseTableName(written)),
        ]),
      );
      if (row?.there !== true) return undefined;
      const table = await readTable(database, written, signal);
      const { sqlName, columns, uniqueIndexes } = table;
      return { name: sqlName, columns, uniqueIndexes, limits: columnLimits(table) };
    },
    async faults(table, mapping) {
      return tableFaults(await readTable(database, table, signal), mapping, defaultMask);
    },
    async migrate(table, mapping) {
      signal.throwIfAborted();
      // Closing ends it too, and tells whether the commit may have happened.
      signal.addEventListener("abort", () => database.close(), { once: true });
      return (await migrate(database, mapping, table)).created;
    },
  };
}

/**
 * Looks at messages; an aborted signal ends it with its reason once the open poll is answered.
 *
 * @throws what a receive throws, after everything is given back
 */
async function takeSample(
  source: Pick<Source, "receive" | "changeVisibility">,
  maxMessages: number,
  signal: AbortSignal,
): Promise<Sample> {
  const messages: Message[] = [];
  const limits = { maxMessages, waitSeconds };
  const signals = { graceful: signal, forced: new AbortController().signal };
  const { outcome, error, notReleased } = await peek(source, limits, signals, async (fresh) => {
    messages.push(...fresh);
  });
  if (outcome === "failed") throw error;
  signal.throwIfAborted();
  return { messages, notReleased };
}

/**
 * Finds the key, or makes one. A key that the settings name and that does not exist is an error: rows with a new key do
 * not join with those of a lost key.
 */
function findKey(mask: MaskSettings, configPath: string): SetupKey {
  if (mask.key !== undefined || mask.keyFile !== undefined || mask.keyVariable !== undefined) {
    const place = mask.keyFile ?? mask.keyVariable ?? "ETL_MASK_KEY";
    return { bytes: readMaskKey(mask, readTextFile), place, isNew: false };
  }
  const place = join(dirname(configPath), defaultKeyFile);
  const isNew = readTextFile(place) === undefined;
  const bytes = isNew
    ? newMaskKey()
    : readMaskKey({ algorithm: mask.algorithm, keyFile: place }, readTextFile);
  return { bytes, place, file: basename(place), isNew };
}
