/** `etl drain --dry-run`: the rows exactly as they would be written, and nothing changed anywhere. */

import { EtlError } from "../../errors.ts";
import { compileMapping } from "../../message/mapper.ts";
import type { ColumnLimits, Row } from "../../message/row.ts";
import { dryRun } from "../../polling/dry-run.ts";
import type { QueueAttributes } from "../../polling/ports.ts";
import { Tally } from "../../polling/tally.ts";
import { columnLimits } from "../../postgres/catalog.ts";
import { countOf } from "../../terminal/numbers.ts";
import { jsonLine } from "../../terminal/printable.ts";
import type { Context } from "../context.ts";
import { warnOfOtherMaskKeys } from "../other-mask-keys.ts";
import { firstAnswer } from "../queue.ts";
import { printRows, rowObject } from "../rows.ts";
import { systemClock } from "../system-clock.ts";
import { openSettingsDatabase, openTable } from "../table.ts";
import { openDeadLetters } from "./dead-letters.ts";
import { exitCodeOf, printReceipt, toReceipt } from "./receipt.ts";
import { describeRejection } from "./report.ts";
import type { DrainCommand } from "./run-parts.ts";

const defaultMaxMessages = 10;
const defaultWaitSeconds = 5;

/** Below so many receives, looking at a message a few times sends it to the dead-letter queue. */
const fewReceives = 3;

/**
 * Shows up to `--max-messages` messages as rows.
 *
 * @returns 0; 65 where messages would be rejected; 129, 130 or 143 where a signal stopped it
 * @throws EtlError where the queue cannot be read, or the table could not take these rows; the rows are shown before
 */
export async function runDryRun(parts: DrainCommand): Promise<number> {
  const { context, settings, masker, queue, stop, json } = parts;
  const startedAt = systemClock.monotonicMillis();
  const opened = await stop.orStopped(
    Promise.all([firstAnswer(queue, context, systemClock), checkTable(parts)]),
  );
  if (opened === undefined) return stop.exitCode;
  const [attributes, { limits, unfit }] = opened;
  // Nothing is sent there: what a drain would refuse at its start, a dry run refuses too.
  await openDeadLetters(settings, attributes, context);
  warnOfRedrive(attributes, context);

  const { name: table, mapping } = settings.table;
  const tally = new Tally();
  const rows: Row[] = [];
  const mapMessage = compileMapping(mapping, { masker, limits, body: settings.queue.body, now: Date.now });
  let atTheEdge = 0;
  const end = await dryRun(
    {
      source: queue.source,
      tally,
      mapMessage(message) {
        if (message.receiveCount >= (attributes.maxReceiveCount ?? Number.POSITIVE_INFINITY)) atTheEdge += 1;
        return mapMessage(message);
      },
      async onRow({ ref, row }) {
        if (json)
          await context.stdout.write(
            `${jsonLine({ messageId: ref.messageId, row: rowObject(mapping, row) })}\n`,
          );
        else rows.push(row);
      },
      async onRejection(rejection) {
        context.log.warn(`would be rejected: ${describeRejection(rejection)}`);
        if (json) await context.stdout.write(`${jsonLine({ rejection })}\n`);
      },
    },
    {
      maxMessages: settings.drain.maxMessages ?? defaultMaxMessages,
      waitSeconds: settings.drain.waitSeconds ?? defaultWaitSeconds,
    },
    stop.graceful,
  );
  await context.log.flush();
  if (rows.length > 0) await printRows(mapping, rows, context);
  if (atTheEdge > 0) {
    context.log.warn(
      `${countOf(atTheEdge, "message")} of these ${atTheEdge === 1 ? "has" : "have"} been received as often as the queue allows: the next receive moves them to the dead-letter queue`,
    );
  }
  if (end.notReleased > 0) {
    context.log.warn(
      `${countOf(end.notReleased, "message")} could not be given back at once: they return after the queue's visibility time-out, ${attributes.visibilityTimeoutSeconds} s`,
    );
  }
  const receipt = toReceipt(tally, {
    queue: queue.name,
    table,
    dryRun: true,
    outcome: end.outcome,
    requests: queue.source.requests,
    millis: systemClock.monotonicMillis() - startedAt,
  });
  await printReceipt(context, receipt, json);
  if (end.outcome === "failed") throw end.error;
  if (unfit !== undefined) throw unfit;
  return exitCodeOf(receipt, stop);
}

interface TableCheck {
  readonly limits: ColumnLimits;
  /** Why the table, as it stands, can take none of the rows. */
  readonly unfit?: EtlError;
}

/** What the live table allows. Where nobody can say, nothing is limited, and the person is told. */
async function checkTable({ context, settings, masker }: DrainCommand): Promise<TableCheck> {
  try {
    const database = openSettingsDatabase(settings, context);
    try {
      const described = await openTable(database, settings, context);
      await warnOfOtherMaskKeys(database, described, settings, masker, context);
      const limits = columnLimits(described);
      context.log.info(
        "rows are checked against the live table; its checks and triggers cannot be known without writing",
      );
      return { limits };
    } finally {
      database.close();
    }
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    const mayPass = error.kind === "unavailable" || error.kind === "temporary";
    // What will not pass ends the dry run, and is told then, once.
    const reason = mayPass ? error.message : "the error below says why";
    context.log.warn(`the rows are not checked against the live table: ${reason}`);
    return mayPass ? { limits: new Map() } : { limits: new Map(), unfit: error };
  }
}

function warnOfRedrive({ maxReceiveCount }: QueueAttributes, { log }: Context): void {
  if (maxReceiveCount === undefined || maxReceiveCount > fewReceives) return;
  log.warn(
    `the queue moves a message to its dead-letter queue after ${countOf(maxReceiveCount, "receive")}, and a dry run is one of them`,
  );
}
