/** A drain that writes and deletes: queue, table and ledger are opened, the loop runs, and its receipt is printed. */

import { gcAndSweep } from "bun:jsc";
import { compileMapping } from "../../message/mapper.ts";
import { drain } from "../../polling/drain.ts";
import type { DrainEnd, DrainLimits, DrainObserver } from "../../polling/drain-parts.ts";
import { type Patience, withPatience } from "../../polling/patience.ts";
import type { DeadLetterQueue, QueueAttributes } from "../../polling/ports.ts";
import { Tally } from "../../polling/tally.ts";
import { columnLimits, type TableDescription } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { registerQueue } from "../../postgres/ledger.ts";
import { requireIntactLedger } from "../../postgres/ledger-inspection.ts";
import { createPostgresSink } from "../../postgres/sink.ts";
import type { DrainSettings } from "../../settings/settings.ts";
import type { Context } from "../context.ts";
import { warnOfOtherMaskKeys } from "../other-mask-keys.ts";
import { firstAnswer } from "../queue.ts";
import type { Stop } from "../stop.ts";
import { systemClock } from "../system-clock.ts";
import { openTable, readDatabaseSettings } from "../table.ts";
import { threadRunnableMillis } from "../thread-time.ts";
import { openDeadLetters } from "./dead-letters.ts";
import { frugalSink } from "./frugal-sink.ts";
import { keepLedgerPruned } from "./ledger-pruning.ts";
import { exitCodeOf, printReceipt, toReceipt } from "./receipt.ts";
import { pacedByLog, reportDrain, startLine } from "./report.ts";
import type { DrainCommand } from "./run-parts.ts";
import { type RunRecording, recordDrain } from "./run-recording.ts";

/** Long enough that an idle queue costs little, and short enough that a drained one ends within seconds. */
const defaultWaitSeconds = { toTheEnd: 5, follow: 20 };

/** What is known before the first receive. */
interface OpenJob {
  readonly attributes: QueueAttributes;
  readonly table: TableDescription;
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
  const [database, besideDatabase] = [openDatabase(connection), openDatabase(connection)];
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

/** @returns undefined where a stop came before everything was open */
async function openJob(
  { context, settings, masker, queue, stop, follow }: DrainCommand,
  database: Database,
): Promise<OpenJob | undefined> {
  const open = () =>
    Promise.all([firstAnswer(queue, context, systemClock), openTable(database, settings, context)]);
  const opened = await stop.orStopped(follow ? withPatience(open, endlessPatience(context, stop)) : open());
  if (opened === undefined) return undefined;
  const [attributes, table] = opened;
  const deadLetters = await openDeadLetters(settings, attributes, context);
  const queueId = await registerQueue(database, table, attributes.arn);
  await requireIntactLedger(database, table);
  await warnOfOtherMaskKeys(database, table, settings, masker, context);
  return { attributes, table, deadLetters, queueId };
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
  { attributes, table, deadLetters, queueId }: OpenJob,
  { database, besideDatabase, over, startedAt }: RunResources,
): Promise<number> {
  const { source, name } = queue;
  const { name: tableName, mapping } = settings.table;
  const tally = new Tally();
  const receiptOf = ({ outcome, limit, isForced }: Pick<DrainEnd, "outcome" | "limit" | "isForced">) =>
    toReceipt(tally, {
      queue: name,
      table: tableName,
      dryRun: false,
      outcome,
      limit,
      isForced,
      requests: source.requests,
      millis: systemClock.monotonicMillis() - startedAt,
    });

  context.log.info(startLine(name, tableName, attributes));
  const beside = { database: besideDatabase, table, queueId, clock: systemClock, log: context.log };
  void keepLedgerPruned({ ...beside, source }, over.signal);
  const recording = recordDrain({
    ...beside,
    soFar: () => receiptOf({ outcome: "stopped" }),
    forced: stop.forced,
  });
  const waiting = attributes.visible;
  const report = reportDrain({ context, clock: systemClock, tally, source, waiting, json });
  const end = await drain(
    {
      source: pacedByLog(source, context.log),
      // Not `Bun.gc`, which takes longer for the same memory.
      sink: frugalSink(createPostgresSink(database, { table, mapping, queueId }), {
        collectGarbage: gcAndSweep,
        openRequests: queue.openRequests,
      }),
      deadLetters,
      clock: systemClock,
      runnableMillis: threadRunnableMillis,
      random: Math.random,
      mapMessage: compileMapping(mapping, {
        masker,
        limits: columnLimits(table),
        body: settings.queue.body,
        now: Date.now,
      }),
      tally,
      observer: toldAndRecorded(report, recording),
    },
    limitsOf(settings.drain, attributes, follow),
    stop,
  );
  over.abort();
  report.end();
  const receipt = receiptOf(end);
  const recorded = recording.end(receipt);
  await printReceipt(context, receipt, json).finally(() => recorded);
  if (end.outcome === "failed") throw end.error;
  return exitCodeOf(receipt, stop);
}

function toldAndRecorded(report: DrainObserver, recording: RunRecording): DrainObserver {
  return {
    ...report,
    rejected(rejection, ref) {
      report.rejected(rejection, ref);
      recording.rejected(rejection, ref);
    },
  };
}

/** A drain that follows waits for queue and database at its start, too; another one tells at once what is wrong. */
function endlessPatience({ log }: Context, stop: Stop): Patience {
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
  const { batchSize, receivers } = settings;
  return {
    maxMessages: settings.maxMessages,
    batchSize,
    receivers,
    waitSeconds: settings.waitSeconds ?? (follow ? defaultWaitSeconds.follow : defaultWaitSeconds.toTheEnd),
    visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
    maxInFlight: settings.maxInFlight,
    follow,
    giveUpAfterMillis: settings.giveUpAfterSeconds * 1000,
    graceMillis: settings.graceSeconds * 1000,
  };
}
