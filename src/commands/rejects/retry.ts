/** `etl rejects retry`: dead letters go back to their queue, to be drained again. */

import { EtlError, exitCodes } from "../../errors.ts";
import type { RejectsRetryOptions } from "../../settings/options.ts";
import type { Settings } from "../../settings/settings.ts";
import { createSqsReturnQueue } from "../../sqs/dead-letter.ts";
import { countOf } from "../../terminal/numbers.ts";
import { jsonLine } from "../../terminal/printable.ts";
import { formatRetry, type RetrySummary } from "../../terminal/retry-summary.ts";
import type { Context } from "../context.ts";
import { sourceParts } from "../queue.ts";
import { readSettings } from "../settings.ts";
import { listenForStop, type Stop } from "../stop.ts";
import { systemClock } from "../system-clock.ts";
import { type OpenLetterCheck, openLetterCheck, uncheckedLetters } from "./letter-check.ts";
import { lookAtLetters } from "./letter-look.ts";
import { type MoveCounts, moveLetters, noLetters } from "./letter-move.ts";
import { openLetterRecords } from "./letter-records.ts";
import { openRetryPlaces, type RetryPlaces } from "./retry-places.ts";

/** So many are looked at in a dry run where nobody says otherwise. */
const defaultLook = 1_000;

/** SQS's count is approximate: below this, so many are moved whatever it says. */
const fewLetters = 1_000;

/** What the ways to retry are given. */
interface Retry {
  readonly context: Context;
  readonly settings: Settings;
  readonly options: RejectsRetryOptions;
  readonly places: RetryPlaces;
  readonly stop: Stop;
}

/**
 * Moves the messages of the dead-letter queue back, or with `dryRun` says what would be moved.
 *
 * @returns 0; 65 where messages are left that cannot be sent; 129, 130 or 143 where a signal stopped it
 * @throws EtlError whatever ended it; what had been moved by then is printed before
 */
export async function runRejectsRetry(context: Context, options: RejectsRetryOptions): Promise<number> {
  const stop = listenForStop(context);
  try {
    const settings = readSettings(context, options);
    const places = await stop.orStopped(openRetryPlaces(settings, context));
    if (places === undefined) return stop.exitCode;
    const retry = { context, settings, options, places, stop };
    return await (options.dryRun ? look(retry) : move(retry));
  } finally {
    stop.end();
  }
}

async function look({ context, settings, options, places, stop }: Retry): Promise<number> {
  const { queue, letters } = places;
  const opened = await openCheckOrWarn(settings, queue.attributes.arn, context);
  try {
    const seen = await lookAtLetters({
      from: letters.source,
      check: opened?.check ?? uncheckedLetters,
      max: options.max ?? defaultLook,
      stop: stop.graceful,
    });
    await show(context, options.json, {
      ...namesOf(places),
      dryRun: true,
      seen: seen.seen,
      stored: opened === undefined ? undefined : seen.stored,
      reasons: Object.fromEntries(seen.reasons),
    });
  } finally {
    opened?.close();
  }
  return stop.graceful.aborted ? stop.exitCode : 0;
}

/** A dry run may do without the ledger; a move may not. */
async function openCheckOrWarn(
  settings: Settings,
  queueArn: string,
  context: Context,
): Promise<OpenLetterCheck | undefined> {
  try {
    return await openLetterCheck(settings, queueArn, context);
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    context.log.warn(`the messages are not looked up in the ledger: ${error.message}`);
    return undefined;
  }
}

async function move({ context, settings, options, places, stop }: Retry): Promise<number> {
  const { queue, letters } = places;
  const max = options.max ?? Math.max(fewLetters, letters.attributes.visible);
  const queueArn = queue.attributes.arn;
  const opened = await openLetterCheck(settings, queueArn, context);
  const records = openLetterRecords({
    database: opened.openAnother(),
    table: opened.table,
    queueArn,
    clock: systemClock,
    log: context.log,
    forced: stop.forced,
  });
  const counts = noLetters();
  try {
    const moving = moveLetters(
      {
        from: letters.source,
        to: createSqsReturnQueue(sourceParts(settings.queue, context)),
        check: opened.check,
        fifo: queue.attributes.fifo,
        max,
        stop: stop.graceful,
        onMoved: (letters) => records.moved(letters),
        onProgress: ({ moved }) => context.log.status(`moved ${countOf(moved, "message")}`),
      },
      counts,
    );
    await Promise.race([moving, aborted(stop.forced)]);
  } finally {
    opened.close();
    await records.end();
    context.log.status(null);
    await show(context, options.json, {
      ...namesOf(places),
      dryRun: false,
      movedBy: "etl",
      ...toJson(counts),
    });
  }
  if (stop.graceful.aborted) return stop.exitCode;
  return counts.left > 0 ? exitCodes.data : 0;
}

function namesOf({ queue, letters }: RetryPlaces) {
  return { queue: queue.name, deadLetterQueue: letters.name, waiting: letters.attributes.visible };
}

function toJson({ reasons, ...counts }: MoveCounts) {
  return { ...counts, reasons: Object.fromEntries([...reasons].sort()) };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function show({ stdout, log }: Context, json: boolean, retry: RetrySummary): Promise<void> {
  await log.flush();
  const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
  await stdout.write(json ? `${jsonLine({ retry })}\n` : `${formatRetry(retry, columns)}\n`);
}
