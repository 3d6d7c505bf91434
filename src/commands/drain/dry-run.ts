/** `etl drain --dry-run`: the rows exactly as they would be written, and nothing changed anywhere. */

import { FieldTally } from "../../message/fields.ts";
import { compileMapping } from "../../message/mapper.ts";
import type { MappedMessage, Message, Rejection, Row } from "../../message/message.ts";
import { rejectionWords } from "../../message/rejection-words.ts";
import { peek } from "../../polling/peek.ts";
import { type Database, openDatabase } from "../../postgres/connect.ts";
import { PartitionGaps } from "../../postgres/missing-partition.ts";
import { type PreviewParts, previewMessages } from "../../processing/processor.ts";
import { drainDefaults } from "../../settings/setting-table.ts";
import { countOf, jsonLine } from "../../terminal/text.ts";
import { firstAnswer, openDeadLetters, warnOfRedrive } from "../queue.ts";
import { printRows, rowObject } from "../rows.ts";
import { systemClock } from "../system-clock.ts";
import { readDatabaseSettings } from "../table.ts";
import type { DrainCommand } from "./drain.ts";
import { areStored, checkTable, fits, judge, type Seen, writeAndRollBack } from "./dry-load.ts";
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
  const { context, settings, masker, queue, stop, json, writeCheck } = parts;
  const startedAt = systemClock.monotonicMillis();
  const open = async () => {
    const [attributes, checked] = await Promise.all([
      firstAnswer(queue, context, systemClock),
      checkTable(parts, database),
    ]);
    // Nothing is sent there: what a drain would refuse at its start, a dry run refuses too.
    await openDeadLetters(settings, attributes, context);
    return { attributes, checked };
  };
  const opened = await stop.orStopped(open());
  if (opened === undefined) return stop.exitCode;
  const { attributes, checked } = opened;
  warnOfRedrive(attributes, context, "a dry run");

  const { name: table, mapping } = settings.table;
  const { limits, target } = checked;
  const fields = new FieldTally(mapping);
  const { body } = settings.queue;
  const mapMessage = compileMapping(mapping, { masker, limits, body, fields, now: Date.now });
  const counts = { received: 0, duplicates: 0, rejected: 0, released: 0, rows: 0, unsettled: 0 };
  const rejections: Record<string, number> = {};
  const rows: Row[] = [];
  const toWrite: MappedMessage[] = [];
  const gaps = new PartitionGaps(database, mapping);
  let atTheEdge = 0;
  let { unfit } = checked;

  async function tell(messageId: string, cells: readonly Row[], fate: Seen): Promise<void> {
    switch (fate.kind) {
      case "duplicate":
      case "superseded":
        counts.duplicates += 1;
        context.log.info(
          fate.kind === "duplicate"
            ? `message ${messageId}: its row is in the table already; a drain deletes it`
            : `message ${messageId}: the table has a row of its key that stays; a drain deletes it`,
        );
        break;
      case "rejected":
        counts.rejected += 1;
        rejections[fate.rejection.reason] = (rejections[fate.rejection.reason] ?? 0) + 1;
        await showRejection(parts, fate.rejection);
        break;
      case "postponed":
        counts.unsettled += 1;
        context.log.warn(`message ${messageId}: no partition takes its row; a drain leaves it in the queue`);
        break;
      case "unsettled":
        counts.unsettled += 1;
        context.log.warn(`message ${messageId}: its load failed, and a drain tries it again`);
        break;
      default:
        counts.released += 1;
        counts.rows += cells.length;
        if (!json) rows.push(...cells);
        else
          for (const row of cells)
            await context.stdout.write(`${jsonLine({ messageId, row: rowObject(mapping, row) })}\n`);
    }
  }

  const previewParts: PreviewParts =
    target === undefined || writeCheck
      ? { mapMessage }
      : { mapMessage, areStored: (messages) => areStored(database, target, attributes.arn, messages) };
  const look = async (messages: readonly Message[]) => {
    const previews = await previewMessages(messages, previewParts);
    counts.received += messages.length;
    const edge = attributes.maxReceiveCount ?? Number.POSITIVE_INFINITY;
    atTheEdge += messages.filter(({ receiveCount }) => receiveCount >= edge).length;
    const mapped = previews.filter((preview) => preview.kind === "mapped");
    if (writeCheck) toWrite.push(...mapped);
    const judged = writeCheck ? [] : [...(await judge(checked, gaps, mapped, context))];
    for (const [index, preview] of previews.entries()) {
      const { messageId } = messages[index] as Message;
      if (preview.kind === "duplicate") await tell(messageId, [], preview);
      else if (preview.kind === "rejected") await tell(messageId, [], { ...preview, by: "mapping" });
      else if (!writeCheck) await tell(messageId, preview.rows, judged.shift() ?? fits);
    }
  };
  const peekLimits = {
    maxMessages: settings.drain.maxMessages ?? drainDefaults.dryRunMessages,
    waitSeconds: settings.drain.waitSeconds ?? drainDefaults.waitSeconds,
  };
  const end = await peek(queue.source, peekLimits, stop, look);
  if (toWrite.length > 0) {
    const written = await writeAndRollBack(parts, database, { target, queue: attributes }, toWrite);
    unfit ??= written.error;
    for (const [index, { ref, rows: cells }] of toWrite.entries())
      await tell(ref.messageId, cells, written.fates[index] ?? fits);
  }

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
  const receipt = toReceipt({ ...counts, rejections, inserted: 0, deleted: 0 }, fields.counts, {
    ...{ queue: queue.name, table, dryRun: true, outcome: end.outcome },
    requests: queue.source.requests,
    millis: systemClock.monotonicMillis() - startedAt,
  });
  await printReceipt(context, receipt, json);
  if (end.outcome === "failed") throw end.error;
  const failure = unfit ?? gaps.error;
  if (failure !== undefined) throw failure;
  return exitCodeOf(receipt, stop);
}

async function showRejection({ context, json }: DrainCommand, rejection: Rejection): Promise<void> {
  context.log.warn(`would be rejected: message ${rejection.messageId}: ${rejectionWords(rejection)}`);
  if (json) await context.stdout.write(`${jsonLine({ rejection })}\n`);
}
