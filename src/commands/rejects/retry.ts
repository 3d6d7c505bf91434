/** `etl rejects retry`: dead letters go back to their queue, to be drained again. */

import { EtlError, exitCodes } from "../../errors.ts";
import { compileMapping, type MapMessage } from "../../message/mapper.ts";
import type { ColumnLimits } from "../../message/message.ts";
import type { QueueAttributes } from "../../polling/ports.ts";
import type { RejectsRetryOptions } from "../../settings/options.ts";
import type { QueueSettings, Settings } from "../../settings/settings.ts";
import { createSqsReturnQueue } from "../../sqs/dead-letter.ts";
import { redrivePlace } from "../../sqs/queue-url.ts";
import { formatRetry, type RetryCounts, type RetrySummary } from "../../terminal/summaries.ts";
import { countOf, jsonLine } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import { openMasker } from "../masker.ts";
import { firstAnswer, type OpenQueue, openQueue, sourceParts } from "../queue.ts";
import { readSettings } from "../settings.ts";
import { aborted, listenForStop, type Stop } from "../stop.ts";
import { systemClock } from "../system-clock.ts";
import { lookAtDeadLetters, type MoveCounts, moveDeadLetters } from "./retry-move.ts";
import { beginRemoval, lookUpNothing, openLookUp } from "./retry-records.ts";

/** The most messages that a dry run looks at by default. */
const defaultLook = 1_000;

/** SQS's count is approximate: a smaller one does not limit a move. */
const leastMax = 1_000;

interface Queue extends OpenQueue {
  readonly url: string;
  readonly attributes: QueueAttributes;
}

interface Retry {
  readonly context: Context;
  readonly settings: Settings;
  readonly options: RejectsRetryOptions;
  readonly stop: Stop;
  /** Where dead letters go back to. */
  readonly queue: Queue;
  /** Where they are; its messages come with their attributes. */
  readonly deadLetterQueue: Queue;
}

/**
 * Moves the messages of the dead-letter queue back, or with `dryRun` says what would be moved.
 *
 * @returns 0; 65 if messages are left that cannot be sent; 129, 130 or 143 if a signal stopped it
 * @throws EtlError whatever ended it; what had been moved by then is printed before
 */
export async function runRejectsRetry(context: Context, options: RejectsRetryOptions): Promise<number> {
  const settings = readSettings(context, options);
  const stop = listenForStop(context, settings.drain.graceSeconds * 1000);
  try {
    const queues = await stop.orStopped(openQueues(settings, context));
    if (queues === undefined) return stop.exitCode;
    const retry = { context, settings, options, stop, ...queues };
    return await stop.orForced(options.dryRun ? look(retry) : move(retry));
  } finally {
    stop.end();
  }
}

async function look(retry: Retry): Promise<number> {
  const { context, settings, options, stop, queue, deadLetterQueue } = retry;
  // A dry run may do without the ledger; a move may not.
  const opened = await openLookUp(settings, queue.attributes.arn, context).catch((error) => {
    if (!(error instanceof EtlError)) throw error;
    context.log.warn(`the messages are not looked up in the ledger: ${error.message}`);
    return undefined;
  });
  try {
    const mapMessage = mapperOf(settings, context, opened?.limits);
    const { seen, stored, rejectedAgain, reasons } = await lookAtDeadLetters({
      from: deadLetterQueue.source,
      lookUp: opened?.lookUp ?? lookUpNothing,
      mapMessage,
      max: options.max ?? defaultLook,
      stop,
    });
    const asked = opened === undefined ? {} : { stored };
    const mapped = mapMessage === undefined ? {} : { rejectedAgain };
    await show(retry, { seen, ...asked, ...mapped, reasons: Object.fromEntries(reasons) });
  } finally {
    opened?.close();
  }
  return stop.graceful.aborted ? stop.exitCode : 0;
}

/** The mapping as a drain has it; undefined if this host lacks what it needs, such as the mask key or what S3 holds. */
function mapperOf(
  settings: Settings,
  context: Context,
  limits: ColumnLimits = new Map(),
): MapMessage | undefined {
  if (settings.queue.extendedPayloads) return undefined;
  try {
    const masker = openMasker(settings, context);
    const parts = { masker, limits, body: settings.queue.body, now: Date.now };
    return compileMapping(settings.table.mapping, parts);
  } catch (error) {
    if (error instanceof EtlError) return undefined;
    throw error;
  }
}

async function move(retry: Retry): Promise<number> {
  const { context, settings, options, stop, queue, deadLetterQueue } = retry;
  const { log } = context;
  const queueArn = queue.attributes.arn;
  const { lookUp, home, table, openAnother, close } = await openLookUp(settings, queueArn, context);
  const removal = beginRemoval({
    database: openAnother(),
    home,
    table,
    queueArn,
    clock: systemClock,
    log,
    forced: stop.forced,
  });
  const counts: MoveCounts = { moved: 0, stored: 0, left: 0, undeleted: 0, reasons: new Map() };
  try {
    const moving = moveDeadLetters(
      {
        from: deadLetterQueue.source,
        to: createSqsReturnQueue(sourceParts(settings.queue, context)),
        lookUp,
        fifo: queue.attributes.fifo,
        max: options.max ?? Math.max(leastMax, deadLetterQueue.attributes.visible),
        stop: stop.graceful,
        onMoved: (deadLetters) => removal.add(deadLetters),
        onProgress: ({ moved }) => log.status(`moved ${countOf(moved, "message")}`),
      },
      counts,
    );
    await Promise.race([moving, aborted(stop.forced)]);
  } finally {
    close();
    await removal.end();
    log.status(null);
    await show(retry, { ...counts, reasons: Object.fromEntries([...counts.reasons].sort()) });
  }
  if (stop.graceful.aborted) return stop.exitCode;
  return counts.left > 0 ? exitCodes.data : 0;
}

async function show(
  { context: { stdout, log }, options, queue, deadLetterQueue }: Retry,
  counts: Partial<RetryCounts> & Pick<RetrySummary, "seen" | "reasons">,
): Promise<void> {
  const retry: RetrySummary = {
    queue: queue.name,
    deadLetterQueue: deadLetterQueue.name,
    waiting: deadLetterQueue.attributes.visible,
    dryRun: options.dryRun,
    ...counts,
  };
  await log.flush();
  const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
  await stdout.write(`${options.json ? jsonLine({ retry }) : formatRetry(retry, columns)}\n`);
}

const flag = "--dead-letter-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE";

/**
 * Opens both queues. The dead-letter queue is that of the settings, or else the one of the queue's redrive policy.
 *
 * @throws EtlError of kind config if there is none, or messages cannot go from the one to the other
 */
async function openQueues(
  settings: Settings,
  context: Context,
): Promise<Pick<Retry, "queue" | "deadLetterQueue">> {
  const opened = async (queueSettings: QueueSettings): Promise<Queue> => {
    const queue = openQueue(queueSettings, context, true);
    const attributes = await firstAnswer(queue, context, systemClock);
    return { ...queue, url: queueSettings.url ?? "", attributes };
  };
  const queue = await opened(settings.queue);
  const url = settings.rejects.deadLetterUrl ?? redriveUrl(queue);
  // What a body points to is not fetched: the pointer goes back as it is.
  const deadLetterQueue = await opened({ ...settings.queue, url, extendedPayloads: false });
  if (deadLetterQueue.attributes.arn === queue.attributes.arn) {
    throw unusable(
      "the dead-letter queue is the queue that its messages would go back to",
      `give another ${flag}`,
    );
  }
  if (deadLetterQueue.attributes.fifo !== queue.attributes.fifo) {
    throw unusable("one of the two queues is a FIFO queue, and the other is not", `check ${flag}`);
  }
  return { queue, deadLetterQueue };
}

function redriveUrl({ name, url, attributes }: Queue): string {
  const place = redrivePlace(url, attributes);
  if (place === undefined) {
    throw unusable(`${name} has no dead-letter queue: neither settings nor a redrive policy name one`, flag);
  }
  if (place.url === undefined) {
    throw unusable(
      `the dead-letter queue ${place.name} is in another account or region, and its URL not known`,
      flag,
    );
  }
  return place.url;
}

function unusable(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "retry", message, hint });
}
