/** `etl drain`: from the settings to the receipt. */

import type { DrainOptions } from "../config/options.ts";
import { type DrainSettings, loadSettings } from "../config/settings.ts";
import { readTextFile } from "../config/text-file.ts";
import { drain } from "../drain/drain.ts";
import type { DrainLimits } from "../drain/drain-parts.ts";
import { type Patience, withPatience } from "../drain/patience.ts";
import type { QueueAttributes } from "../drain/ports.ts";
import { Tally } from "../drain/tally.ts";
import { EtlError } from "../errors.ts";
import { compileMapping } from "../pipeline/mapper.ts";
import { userLogins } from "../pipeline/mapping.ts";
import { columnLimits } from "../postgres/catalog.ts";
import { openDatabase } from "../postgres/connect.ts";
import { registerQueue } from "../postgres/ledger.ts";
import { createPostgresSink } from "../postgres/sink.ts";
import type { Context } from "./context.ts";
import { openDeadLetters } from "./dead-letters.ts";
import type { DrainCommand } from "./drain-command.ts";
import { pacedByLog, reportDrain, startLine } from "./drain-report.ts";
import { runDryRun } from "./dry-run.ts";
import { keepLedgerPruned } from "./ledger-pruning.ts";
import { openMasker } from "./masker.ts";
import { openQueue } from "./queue.ts";
import { exitCodeOf, printReceipt, toReceipt } from "./receipt.ts";
import { listenForStop, type Stop } from "./stop.ts";
import { systemClock } from "./system-clock.ts";
import { openTable, readDatabaseSettings } from "./table.ts";

/** Long polls at one time where nobody says otherwise: at 20 ms a call they bring 8,000 messages a second. */
const defaultReceivers = 16;

/** Deliveries in memory, in batches: one is loaded while others are received and deleted. */
const batchesInFlight = 4;

/** Long enough that an idle queue costs little, and short enough that a drained one ends within seconds. */
const defaultWaitSeconds = { toTheEnd: 5, follow: 20 };

/**
 * Runs a drain or, with `dryRun`, a look at what it would do.
 *
 * @returns 0; 65 where messages were rejected; 130 or 143 where a signal stopped it
 * @throws EtlError whatever ended the run; its receipt, where it had begun, is printed before
 */
export async function runDrain(context: Context, options: DrainOptions): Promise<number> {
  const stop = listenForStop(context);
  try {
    if (options.dryRun && options.follow) throw dryRunEnds();
    const settings = loadSettings({ flags: options, env: context.env, readFile: readTextFile });
    // Before anything is opened: without a key nothing may be received.
    const masker = openMasker(settings.mask, context);
    const parts = {
      context,
      settings,
      masker,
      queue: openQueue(settings.queue, context, settings.rejects.action === "dead-letter"),
      stop,
      json: options.json,
      follow: options.follow,
    };
    return await (options.dryRun ? runDryRun(parts) : runForReal(parts));
  } finally {
    stop.end();
  }
}

async function runForReal(parts: DrainCommand): Promise<number> {
  const { context, settings, masker, queue, stop, json, follow } = parts;
  const { source, name } = queue;
  const startedAt = systemClock.monotonicMillis();
  const over = new AbortController();
  const connection = readDatabaseSettings(settings, context);
  const [database, pruningDatabase] = [openDatabase(connection), openDatabase(connection)];
  try {
    const open = () => Promise.all([source.attributes(), openTable(database, settings, context)]);
    const opened = await stop.orStopped(follow ? withPatience(open, endlessPatience(context, stop)) : open());
    if (opened === undefined) return stop.exitCode;
    const [attributes, table] = opened;
    const deadLetters = await openDeadLetters(settings, attributes, context);
    const queueId = await registerQueue(database, table, attributes.arn);
    context.log.info(startLine(name, settings.table, attributes));
    const pruning = {
      database: pruningDatabase,
      table,
      queueId,
      source,
      clock: systemClock,
      log: context.log,
    };
    void keepLedgerPruned(pruning, over.signal);

    const tally = new Tally();
    const waiting = attributes.visible;
    const report = reportDrain({ context, clock: systemClock, tally, source, waiting, json });
    const end = await drain(
      {
        source: pacedByLog(source, context.log),
        sink: createPostgresSink(database, { table, mapping: userLogins, queueId }),
        deadLetters,
        clock: systemClock,
        random: Math.random,
        mapMessage: compileMapping(userLogins, masker, columnLimits(table)),
        tally,
        observer: report,
      },
      limitsOf(settings.drain, attributes, follow),
      stop,
    );
    over.abort();
    report.end();
    const receipt = toReceipt(tally, {
      queue: name,
      table: settings.table,
      dryRun: false,
      outcome: end.outcome,
      requests: source.requests,
      millis: systemClock.monotonicMillis() - startedAt,
    });
    await printReceipt(context, receipt, json);
    if (end.outcome === "failed") throw end.error;
    return exitCodeOf(receipt, stop);
  } finally {
    over.abort();
    database.close();
    pruningDatabase.close();
  }
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
  const { batchSize, receivers = defaultReceivers } = settings;
  return {
    maxMessages: settings.maxMessages,
    batchSize,
    receivers,
    waitSeconds: settings.waitSeconds ?? (follow ? defaultWaitSeconds.follow : defaultWaitSeconds.toTheEnd),
    visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
    maxInFlight: settings.maxInFlight ?? Math.max(batchesInFlight * batchSize, 20 * receivers),
    follow,
    giveUpAfterMillis: settings.giveUpAfterSeconds * 1000,
    graceMillis: settings.graceSeconds * 1000,
  };
}

function dryRunEnds(): EtlError {
  return new EtlError({
    kind: "usage",
    operation: "drain",
    message: "--dry-run and --follow do not go together: a dry run ends when it has shown its messages",
    hint: "etl drain --dry-run",
  });
}
