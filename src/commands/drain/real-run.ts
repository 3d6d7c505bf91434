/** A drain that writes and deletes: queue, table and ledger are opened, the loop runs, and its receipt is printed. */

import { gcAndSweep } from "bun:jsc";
import type { EtlError } from "../../errors.ts";
import { FieldTally } from "../../message/fields.ts";
import { compileMapping } from "../../message/mapper.ts";
import { type DrainEnd, type DrainLimits, patienceMillis, startDrain } from "../../polling/drain.ts";
import type { DeadLetterQueue, QueueAttributes } from "../../polling/ports.ts";
import { mostConnections } from "../../polling/tuning.ts";
import { columnLimits, type TableDescription } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { type LedgerHome, ledgerHome, registerQueue } from "../../postgres/ledger.ts";
import { createPostgresLoader } from "../../postgres/loader.ts";
import { PartitionGaps } from "../../postgres/missing-partition.ts";
import { lookUpMessages } from "../../postgres/status.ts";
import { createProcessor } from "../../processing/processor.ts";
import { type RetryLimits, retryUntil } from "../../processing/retry-until.ts";
import { drainDefaults } from "../../settings/setting-table.ts";
import type { DrainSettings } from "../../settings/settings.ts";
import { warnOfOtherMaskKeys } from "../masker.ts";
import { firstAnswer, type OpenQueue, openDeadLetters } from "../queue.ts";
import { systemClock, threadRunnableMillis } from "../system-clock.ts";
import { openTable, readDatabaseSettings } from "../table.ts";
import type { DrainCommand } from "./drain.ts";
import { reportFields } from "./field-report.ts";
import { frugalLoader } from "./frugal-loader.ts";
import { keepLedgerPruned } from "./ledger-pruning.ts";
import {
  exitCodeOf,
  pacedByReaders,
  printReceipt,
  reportDrain,
  startLine,
  type TroubleLog,
  tellOfTrouble,
  toReceipt,
} from "./report.ts";
import { recordDrain } from "./run-recording.ts";

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
  const { context, settings, stop, follow } = parts;
  const startedAt = systemClock.monotonicMillis();
  const connection = readDatabaseSettings(settings, context);
  // Pruning and records have a connection of their own: a load must never stand in line behind them. Nor behind the
  // messages that are tried again beside the loads, one load of them at a time.
  const loads = (settings.drain.connections ?? mostConnections) + 1;
  const [database, besideDatabase] = [openDatabase(connection, undefined, loads), openDatabase(connection)];
  const over = new AbortController();
  try {
    const giveUpAfterMillis = patienceMillis({
      follow,
      giveUpAfterMillis: settings.drain.giveUpAfterSeconds * 1000,
    });
    const trouble = tellOfTrouble(context.log, giveUpAfterMillis);
    const job = await openJob(parts, database, {
      ...{ clock: systemClock, random: Math.random, giveUpAfterMillis, ...trouble },
      signal: AbortSignal.any([stop.graceful, over.signal]),
      mayPass: (error) => follow || !looksLikeSetUp(error),
    });
    if (job === undefined) return stop.exitCode;
    return await runJob(parts, job, { database, besideDatabase, over, startedAt, trouble });
  } finally {
    over.abort();
    database.close();
    besideDatabase.close();
  }
}

/** What may pass, but is more likely a wrong setting before anything has worked: told at once to who does not follow. */
function looksLikeSetUp({ kind, code }: EtlError): boolean {
  // A host that nobody knows, a socket's closed folder, an answer of something else than the service.
  return code === "ENOTFOUND" || code === "EACCES" || kind === "protocol";
}

/**
 * Opens everything before the first receive, and waits for what is away as the run does.
 *
 * @returns undefined if a stop came before everything was open
 */
async function openJob(
  { context, settings, masker, queue, stop }: DrainCommand,
  database: Database,
  retry: RetryLimits,
): Promise<OpenJob | undefined> {
  const patiently = <T>(step: () => Promise<T>) => retryUntil(step, retry);
  const patientSource = { attributes: () => patiently(() => queue.source.attributes()) };
  const open = async (): Promise<OpenJob> => {
    const [attributes, table] = await Promise.all([
      firstAnswer({ name: queue.name, source: patientSource }, context, systemClock),
      patiently(() => openTable(database, settings, context)),
    ]);
    const deadLetters = await patiently(() => openDeadLetters(settings, attributes, context));
    const home = ledgerHome(table, settings.ledger);
    const queueId = await patiently(() => registerQueue(database, home, attributes, table));
    await warnOfOtherMaskKeys(database, table, settings, masker, context);
    return { attributes, table, home, deadLetters, queueId };
  };
  return await stop.orStopped(open());
}

/** What a run uses beside the job. */
interface RunResources {
  readonly database: Database;
  readonly besideDatabase: Database;
  /** Aborted when the loop has ended. */
  readonly over: AbortController;
  /** When the command began, on the monotonic clock, in milliseconds. */
  readonly startedAt: number;
  readonly trouble: TroubleLog;
}

async function runJob(
  { context, settings, masker, queue, stop, json, follow }: DrainCommand,
  { attributes, table, home, deadLetters, queueId }: OpenJob,
  { database, besideDatabase, over, startedAt, trouble }: RunResources,
): Promise<number> {
  const { source, name } = queue;
  const { name: tableName, mapping } = settings.table;
  context.log.info(startLine(name, tableName, attributes));
  const beside = { database: besideDatabase, home, queueId, clock: systemClock, log: context.log };
  void keepLedgerPruned({ ...beside, source }, over.signal);
  const fields = new FieldTally(mapping);
  const fieldReport = reportFields({ mapping, tally: fields, log: context.log });
  const mapMessage = compileMapping(mapping, {
    masker,
    fields,
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
  const gaps = new PartitionGaps(database, mapping);
  const loader = frugalLoader(
    createPostgresLoader(database, { table, mapping, ledger: home, queueId, gaps }),
    garbage,
  );
  const gap = () => gaps.error;
  const report = reportDrain({
    ...{ context, clock: systemClock, source, attributes, gap, json, trouble },
    soFar: () => run,
  });
  const of = { queue: attributes.arn, table: table.sqlName };
  const run = startDrain(
    {
      source: pacedByReaders(source, context, json, stop.graceful),
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
        if (event.type === "loaded") fieldReport.look();
        recording.onEvent(event);
      },
    },
    limitsOf(settings.drain, attributes, follow),
    stop,
  );
  const receiptOf = ({ outcome, limit }: DrainEnd) =>
    toReceipt(run.counts, fields.counts, {
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
  fieldReport.end();
  const receipt = receiptOf(end);
  const settled = Promise.all([recording.end(receipt), lastRequests(queue, stop.forced)]);
  await printReceipt(context, receipt, json).finally(() => settled);
  if (end.outcome === "failed") throw end.error;
  // All else is loaded; this is what there is to mend.
  if (end.outcome !== "stopped" && gaps.error !== undefined) throw gaps.error;
  return exitCodeOf(receipt, stop);
}

/** Of what a source gives back by itself when the run is over, such as messages whose payloads were waited for. */
const lastRequestsMillis = 2_000;

/** Resolves when the queue has answered everything, or the time is over: a request that is cut off may not arrive. */
async function lastRequests({ openRequests }: OpenQueue, forced: AbortSignal): Promise<void> {
  const untilMillis = systemClock.monotonicMillis() + lastRequestsMillis;
  while (openRequests() > 0 && !forced.aborted && systemClock.monotonicMillis() < untilMillis)
    await systemClock.sleep(10);
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
