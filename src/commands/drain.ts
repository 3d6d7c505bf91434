/** `etl drain`: from the settings to the receipt. */

import type { DrainOptions } from "../config/options.ts";
import { loadSettings } from "../config/settings.ts";
import { readTextFile } from "../config/text-file.ts";
import { drain } from "../drain/drain.ts";
import { Tally } from "../drain/tally.ts";
import { compileMapping } from "../pipeline/mapper.ts";
import { userLogins } from "../pipeline/mapping.ts";
import { columnLimits } from "../postgres/catalog.ts";
import { registerQueue } from "../postgres/ledger.ts";
import { createPostgresSink } from "../postgres/sink.ts";
import type { Context } from "./context.ts";
import type { DrainCommand } from "./drain-command.ts";
import { pacedByLog, reportDrain, startLine } from "./drain-report.ts";
import { runDryRun } from "./dry-run.ts";
import { openMasker } from "./masker.ts";
import { openQueue } from "./queue.ts";
import { exitCodeOf, printReceipt, toReceipt } from "./receipt.ts";
import { listenForStop } from "./stop.ts";
import { systemClock } from "./system-clock.ts";
import { openSettingsDatabase, openTable } from "./table.ts";

/** Long polls at one time where nobody says otherwise: at 20 ms a call they bring 8,000 messages a second. */
const defaultReceivers = 16;

/** Deliveries in memory, in batches: one is loaded while others are received and deleted. */
const batchesInFlight = 4;

/** How long a failing queue or database is waited for. */
const giveUpAfterMillis = 5 * 60_000;

/** After a stop signal, how long what is in flight may take to settle. */
const graceMillis = 20_000;

/**
 * Runs a drain or, with `dryRun`, a look at what it would do.
 *
 * @returns 0; 65 where messages were rejected; 130 or 143 where a signal stopped it
 * @throws EtlError whatever ended the run; its receipt, where it had begun, is printed before
 */
export async function runDrain(context: Context, options: DrainOptions): Promise<number> {
  const stop = listenForStop(context);
  try {
    const settings = loadSettings({ flags: options, env: context.env, readFile: readTextFile });
    // Before anything is opened: without a key nothing may be received.
    const masker = openMasker(settings.mask, context);
    const parts = {
      context,
      settings,
      masker,
      queue: openQueue(settings.queue, context),
      stop,
      json: options.json,
    };
    return await (options.dryRun ? runDryRun(parts) : runForReal(parts));
  } finally {
    stop.end();
  }
}

async function runForReal({ context, settings, masker, queue, stop, json }: DrainCommand): Promise<number> {
  const { source, name } = queue;
  const startedAt = systemClock.monotonicMillis();
  const database = openSettingsDatabase(settings, context);
  try {
    const opened = await stop.orStopped(
      Promise.all([source.attributes(), openTable(database, settings, masker, context)]),
    );
    if (opened === undefined) return stop.exitCode;
    const [attributes, table] = opened;
    const queueId = await registerQueue(database, table, attributes.arn);
    context.log.info(startLine(name, settings.table, attributes.visible));

    const tally = new Tally();
    const report = reportDrain({
      context,
      clock: systemClock,
      tally,
      source,
      waiting: attributes.visible,
      json,
    });
    const { batchSize, maxMessages, waitSeconds, receivers = defaultReceivers } = settings.drain;
    const end = await drain(
      {
        source: pacedByLog(source, context.log),
        sink: createPostgresSink(database, { table, mapping: userLogins, queueId }),
        clock: systemClock,
        random: Math.random,
        mapMessage: compileMapping(userLogins, masker, columnLimits(table)),
        tally,
        observer: report,
      },
      {
        maxMessages,
        batchSize,
        receivers,
        waitSeconds,
        visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
        maxInFlight: Math.max(batchesInFlight * batchSize, 20 * receivers),
        giveUpAfterMillis,
        graceMillis,
      },
      stop,
    );
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
    database.close();
  }
}
