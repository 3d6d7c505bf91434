/** `etl drain --dry-run`: the rows exactly as they would be written, and nothing changed anywhere. */

import { EtlError } from "../../errors.ts";
import { FieldTally } from "../../message/fields.ts";
import { compileMapping } from "../../message/mapper.ts";
import type { ColumnLimits, Message, MessageRef, Rejection, Row } from "../../message/message.ts";
import { rejectionWords } from "../../message/rejection-words.ts";
import { peek } from "../../polling/peek.ts";
import { columnLimits } from "../../postgres/catalog.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { ledgerHome } from "../../postgres/ledger.ts";
import { lookUpMessages } from "../../postgres/status.ts";
import { type PreviewParts, previewMessages } from "../../processing/processor.ts";
import { drainDefaults } from "../../settings/setting-table.ts";
import { countOf, jsonLine } from "../../terminal/text.ts";
import { warnOfOtherMaskKeys } from "../masker.ts";
import { firstAnswer, openDeadLetters, warnOfRedrive } from "../queue.ts";
import { printRows, rowObject } from "../rows.ts";
import { systemClock } from "../system-clock.ts";
import { openTable, readDatabaseSettings } from "../table.ts";
import type { DrainCommand } from "./drain.ts";
import { reportFields } from "./field-report.ts";
import { exitCodeOf, finishLogAbove, printReceipt, toReceipt } from "./report.ts";

/**
 * Shows up to `--max-messages` messages as rows.
 *
 * @returns 0; 65 if messages would be rejected; 129, 130 or 143 if a signal stopped it
 * @throws EtlError if the queue cannot be read, or the table could not take these rows; the rows are shown before
 */
export async function runDryRun(parts: DrainCommand): Promise<number> {
  const database = openDatabase(readDatabaseSettings(parts.settings, parts.context));
  try {
    return await show(parts, database);
  } finally {
    database.close();
  }
}

async function show(parts: DrainCommand, database: Database): Promise<number> {
  const { context, settings, masker, queue, stop, json } = parts;
  const startedAt = systemClock.monotonicMillis();
  const open = async () => {
    const [attributes, table] = await Promise.all([
      firstAnswer(queue, context, systemClock),
      checkTable(parts, database),
    ]);
    // Nothing is sent there: what a drain would refuse at its start, a dry run refuses too.
    await openDeadLetters(settings, attributes, context);
    return { attributes, ...table };
  };
  const opened = await stop.orStopped(open());
  if (opened === undefined) return stop.exitCode;
  const { attributes, limits, unfit, ledger } = opened;
  warnOfRedrive(attributes, context, "a dry run");

  const { name: table, mapping } = settings.table;
  const fields = new FieldTally(mapping);
  const { body } = settings.queue;
  const mapMessage = compileMapping(mapping, { masker, limits, body, fields, now: Date.now });
  const areStored = ledger && ((messages: readonly MessageRef[]) => ledger(attributes.arn, messages));
  const counts = { received: 0, duplicates: 0, rejected: 0, released: 0, rows: 0 };
  const rejections: Record<string, number> = {};
  const rows: Row[] = [];
  let atTheEdge = 0;

  const previewParts: PreviewParts = areStored === undefined ? { mapMessage } : { mapMessage, areStored };
  const look = async (messages: readonly Message[]) => {
    for (const [index, preview] of (await previewMessages(messages, previewParts)).entries()) {
      const { messageId, receiveCount } = messages[index] as Message;
      if (receiveCount >= (attributes.maxReceiveCount ?? Number.POSITIVE_INFINITY)) atTheEdge += 1;
      counts.received += 1;
      if (preview.kind === "duplicate") {
        counts.duplicates += 1;
        context.log.info(`message ${messageId}: its row is in the table already; a drain deletes it`);
      } else if (preview.kind === "rejected") {
        const { rejection } = preview;
        counts.rejected += 1;
        rejections[rejection.reason] = (rejections[rejection.reason] ?? 0) + 1;
        await showRejection(parts, rejection);
      } else {
        counts.released += 1;
        counts.rows += preview.rows.length;
        if (!json) rows.push(...preview.rows);
        else
          for (const row of preview.rows)
            await context.stdout.write(`${jsonLine({ messageId, row: rowObject(mapping, row) })}\n`);
      }
    }
  };
  const peekLimits = {
    maxMessages: settings.drain.maxMessages ?? drainDefaults.dryRunMessages,
    waitSeconds: settings.drain.waitSeconds ?? drainDefaults.waitSeconds,
  };
  const end = await peek(queue.source, peekLimits, stop, look);

  await finishLogAbove(context);
  if (rows.length > 0) await printRows(mapping, rows, context);
  reportFields({ mapping, tally: fields, log: context.log }).end(true);
  if (atTheEdge > 0) {
    context.log.warn(
      `${countOf(atTheEdge, "message")} of these ${atTheEdge === 1 ? "has" : "have"} been received as often as the queue allows: the next receive moves them to the dead-letter queue`,
    );
  }
  if (end.notReleased > 0) {
    context.log.warn(
      `${countOf(end.notReleased, "message")} could not be given back: hidden until the visibility timeout is over, ${attributes.visibilityTimeoutSeconds} s`,
    );
  }
  const receipt = toReceipt({ ...counts, rejections, inserted: 0, unsettled: 0, deleted: 0 }, fields.counts, {
    ...{ queue: queue.name, table, dryRun: true, outcome: end.outcome },
    requests: queue.source.requests,
    millis: systemClock.monotonicMillis() - startedAt,
  });
  await printReceipt(context, receipt, json);
  if (end.outcome === "failed") throw end.error;
  if (unfit !== undefined) throw unfit;
  return exitCodeOf(receipt, stop);
}

async function showRejection({ context, json }: DrainCommand, rejection: Rejection): Promise<void> {
  context.log.warn(`would be rejected: message ${rejection.messageId}: ${rejectionWords(rejection)}`);
  if (json) await context.stdout.write(`${jsonLine({ rejection })}\n`);
}

interface TableCheck {
  readonly limits: ColumnLimits;
  /** Asks the ledger which messages of a queue are stored. */
  readonly ledger?: (queueArn: string, messages: readonly MessageRef[]) => Promise<readonly boolean[]>;
  /** Why the table, as it stands, can take none of the rows. */
  readonly unfit?: EtlError;
}

/** What the live table allows. If nobody can say, nothing is limited, and the person is told. */
async function checkTable(
  { context, settings, masker }: DrainCommand,
  database: Database,
): Promise<TableCheck> {
  try {
    const table = await openTable(database, settings, context);
    const home = ledgerHome(table, settings.ledger);
    await warnOfOtherMaskKeys(database, table, settings, masker, context);
    context.log.info(
      "rows are checked against the live table; its checks and triggers cannot be known without writing",
    );
    return {
      limits: columnLimits(table),
      async ledger(queueArn, messages) {
        try {
          const of = { queue: queueArn, table: table.sqlName };
          const known = await lookUpMessages(database, home, of, messages);
          return known.map(({ stored }) => stored);
        } catch (error) {
          // Without a ledger, nothing is stored; a drain says what to do about it.
          if (error instanceof EtlError) return [];
          throw error;
        }
      },
    };
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    // Something else has ended the dry run, and is what there is to tell.
    if (error.operation === "close") return { limits: new Map() };
    const mayPass = error.kind === "unavailable" || error.kind === "temporary";
    // What will not pass ends the dry run, and is told then, once.
    const reason = mayPass ? error.message : "the error below says why";
    context.log.warn(`the rows are not checked against the live table: ${reason}`);
    return mayPass ? { limits: new Map() } : { limits: new Map(), unfit: error };
  }
}
