/** A drain that writes and deletes: queue, table and ledger are opened, the loop runs, and its receipt is printed. */

import { gcAndSweep } from "bun:jsc";
import { compileMapping } from "../../message/mapper.ts";
import { type DrainEnd, type DrainLimits, startDrain } from "../../polling/drain.ts";
import type { DeadLetterQueue, QueueAttributes } from "../../polling/ports.ts";
import { mostConnections } from "../../polling/tuning.ts";
import { columnLimits, type TableDescription } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { type LedgerHome, ledgerHome, registerQueue } from "../../postgres/ledger.ts";
import { createPostgresLoader } from "../../postgres/loader.ts";
import { lookUpMessages } from "../../postgres/status.ts";
import { createProcessor } from "../../processing/processor.ts";
import { type RetryLimits, retryUntil } from "../../processing/retry-until.ts";
import { drainDefaults } from "../../settings/setting-table.ts";
import type { DrainSettings } from "../../settings/settings.ts";
import type { Context } from "../context.ts";
import { warnOfOtherMaskKeys } from "../masker.ts";
import { firstAnswer, openDeadLetters } from "../queue.ts";
import type { Stop } from "../stop.ts";
import { systemClock, threadRunnableMillis } from "../system-clock.ts";
import { openTable, readDatabaseSettings } from "../table.ts";
import type { DrainCommand } from "./drain.ts";
import { frugalLoader } from "./frugal-loader.ts";
import { keepLedgerPruned } from "./ledger-pruning.ts";
import { exitCodeOf, pacedByLog, printReceipt, reportDrain, startLine, toReceipt } from "./report.ts";
import { recordDrain } from "./run-recording.ts";

/** Long enough that an idle queue costs little, and short enough that a drain ends and a stop is over within seconds. */

/** What is known before the first receive. */
interface OpenJob {
  readonly attributes: QueueAttributes;
  readonly table: TableDescription;
  readonly home: LedgerHome;
  readonly deadLetters: DeadLetterQueue | undefined;
  readonly queueId: number;
}

/**
 * Drains, and prints the receipt.
 *
 * @returns the exit code
 * @throws EtlError whatever ended the run; its receipt, where it had begun, is printed before
 */
export async function runForReal(parts: DrainCommand): Promise<number> {
  const { context, settings, stop } = parts;
  const startedAt = systemClock.monotonicMillis();
  const connection = readDatabaseSettings(settings, context);
  // Pruning and records have a connection of their own: a load must never stand in line behind them.
  const loads = settings.drain.connections ?? mostConnections;
  const [database, besideDatabase] = [openDatabase(connection, undefined, loads), openDatabase(connection)];
  const over = new AbortController();
  try {
    const job = await openJob(parts, database);
    if (job === undefined) return stop.exitCode;
    return await runJob(parts, job, { database, besideDatabase, over, startedAt });
  } finally {
    over.abort();
    database.close();
    besideDatabase.close();
  }
}

/**
 * Opens everything before the first receive. With `--follow`, all of it is waited for.
 *
 * @returns undefined if a stop came before everything was open
 */
async function openJob(command: DrainCommand, database: Database): Promise<OpenJob | undefined> {
  const { context, settings, masker, queue, stop, follow } = command;
  const open = async (): Promise<OpenJob> => {
    const [attributes, table] = await Promise.all([
      firstAnswer(queue, context, systemClock),
      openTable(database, settings, context),
    ]);
    const deadLetters = await openDeadLetters(settings, attributes, context);
    const home = ledgerHome(table, settings.ledger);
    const queueId = await registerQueue(database, home, attributes, table);
    await warnOfOtherMaskKeys(database, table, settings, masker, context);
    return { attributes, table, home, deadLetters, queueId };
  };
  return await stop.orStopped(follow ? retryUntil(open, endlessly(context, stop)) : open());
}

/** What a run uses beside the job. */
interface RunResources {
  readonly database: Database;
  readonly besideDatabase: Database;
  /** Aborted when the loop has ended. */
  readonly over: AbortController;
  /** When the command began, on the monotonic clock, in milliseconds. */
  readonly startedAt: number;
}

async function runJob(
  { context, settings, masker, queue, stop, json, follow }: DrainCommand,
  { attributes, table, home, deadLetters, queueId }: OpenJob,
  { database, besideDatabase, over, startedAt }: RunResources,
): Promise<number> {
  const { source, name } = queue;
  const { name: tableName, mapping } = settings.table;
  context.log.info(startLine(name, tableName, attributes));
  const beside = { database: besideDatabase, home, queueId, clock: systemClock, log: context.log };
  void keepLedgerPruned({ ...beside, source }, over.signal);
  const mapMessage = compileMapping(mapping, {
    masker,
    limits: columnLimits(table),
    body: settings.queue.body,
    now: Date.now,
  });
  // Not `Bun.gc`, which takes longer for the same memory.
  let receivedBytes = 0;
  const garbage = {
    ...{ collectGarbage: gcAndSweep, openRequests: queue.openRequests },
    receivedBytes: () => receivedBytes,
  };
  const loader = frugalLoader(
    createPostgresLoader(database, { table, mapping, ledger: home, queueId }),
    garbage,
  );
  const of = { queue: attributes.arn, table: table.sqlName };
  const report = reportDrain({ context, clock: systemClock, soFar: () => run, source, attributes, json });
  const run = startDrain(
    {
      source: pacedByLog(source, context.log),
      processor: (retry) => createProcessor({ mapMessage, loader, retry }),
      deadLetters,
      async areStored(messages) {
        const known = await lookUpMessages(database, home, of, messages);
        return known.map(({ stored }) => stored);
      },
      clock: systemClock,
      runnableMillis: threadRunnableMillis,
      random: Math.random,
      onEvent(event) {
        if (event.type === "received") receivedBytes += event.bytes;
        report.onEvent(event);
        recording.onEvent(event);
      },
    },
    limitsOf(settings.drain, attributes, follow),
    stop,
  );
  const receiptOf = ({ outcome, limit }: DrainEnd) =>
    toReceipt(run.counts, {
      ...{ queue: name, table: tableName, dryRun: false, outcome, limit },
      requests: source.requests,
      millis: systemClock.monotonicMillis() - startedAt,
    });
  const recording = recordDrain({
    ...beside,
    table: table.sqlName,
    retentionSeconds: attributes.retentionSeconds,
    soFar: () => receiptOf({ outcome: "stopped" }),
    forced: stop.forced,
  });
  const end = await run.ended;
  over.abort();
  report.end(end);
  const receipt = receiptOf(end);
  const recorded = recording.end(receipt);
  await printReceipt(context, receipt, json).finally(() => recorded);
  if (end.outcome === "failed") throw end.error;
  return exitCodeOf(receipt, stop);
}

/** A drain that follows waits for queue and database at its start, too; another one tells at once what is wrong. */
function endlessly({ log }: Context, stop: Stop): RetryLimits {
  return {
    clock: systemClock,
    random: Math.random,
    giveUpAfterMillis: Number.POSITIVE_INFINITY,
    signal: stop.graceful,
    onTrouble: ({ operation, message }) => log.warn(`${operation} fails and is tried again: ${message}`),
    onRecovery: (operation) => log.info(`${operation} works again`),
  };
}

function limitsOf(settings: DrainSettings, attributes: QueueAttributes, follow: boolean): DrainLimits {
  const { maxMessages, batchSize, receivers, connections, maxInFlight } = settings;
  return {
    ...{ maxMessages, batchSize, receivers, connections, maxInFlight },
    waitSeconds:
      settings.waitSeconds ?? (follow ? drainDefaults.followWaitSeconds : drainDefaults.waitSeconds),
    visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
    follow,
    giveUpAfterMillis: settings.giveUpAfterSeconds * 1000,
    graceMillis: settings.graceSeconds * 1000,
  };
}
