/** What a person or a script is told of a drain: while it runs, and at its end. */

import { EtlError, exitCodes } from "../../errors.ts";
import type { FieldCounts } from "../../message/fields.ts";
import { rejectionWords } from "../../message/rejection-words.ts";
import { notDeletedCode } from "../../polling/deliveries.ts";
import type { Drain, DrainEnd } from "../../polling/drain.ts";
import type { DrainEvent, OnDrainEvent } from "../../polling/events.ts";
import type { Clock, QueueAttributes, Source } from "../../polling/ports.ts";
import type { Counts, Receipt, RunOutcome } from "../../polling/receipt.ts";
import type { RetryLimits } from "../../processing/retry-until.ts";
import { createProgress, formatProgress, type ProgressState } from "../../terminal/log.ts";
import { formatReceipt } from "../../terminal/summaries.ts";
import { countOf, jsonLine } from "../../terminal/text.ts";
import { formatCount } from "../../text/counts.ts";
import type { Context } from "../context.ts";
import type { Stop } from "../stop.ts";
import { systemClock } from "../system-clock.ts";

const redrawMillis = 200;

/** Between two looks at the queue's count (a terminal) or two log lines (anything else). */
const reportMillis = 10_000;

/** Between two warnings of a partition that is missing. */
const gapMillis = 10 * 60_000;

/** The rate shown is that of the last seconds, not of the whole run. */
const rateMillis = 3_000;

/** What the report is made of. */
export interface DrainReportParts {
  readonly context: Context;
  readonly clock: Clock;
  readonly soFar: () => Pick<Drain, "counts" | "open" | "hidden" | "undeleted">;
  readonly source: Pick<Source, "attributes">;
  /** What the queue said at the start. */
  readonly attributes: Pick<QueueAttributes, "visible" | "visibilityTimeoutSeconds">;
  /** Which partition is missing, if one is. */
  readonly gap: () => EtlError | undefined;
  /** Rejections go to standard output, too. */
  readonly json: boolean;
  readonly trouble: TroubleLog;
}

/** Tells of an operation that fails and is tried again, and once more when it works. */
export type TroubleLog = Pick<RetryLimits, "onTrouble" | "onRecovery">;

/** Tells of each operation once, however many of its calls fail at the same time. */
export function tellOfTrouble(log: Context["log"], giveUpAfterMillis: number): TroubleLog {
  const limit = Number.isFinite(giveUpAfterMillis) ? ` for up to ${giveUpAfterMillis / 1000} s` : "";
  const troubled = new Set<string>();
  return {
    onTrouble({ operation, message, retryable, hint }) {
      if (troubled.has(operation)) return;
      troubled.add(operation);
      // Only what is not tried again needs a person now, and says what to do.
      if (retryable) log.warn(`${operation} fails and is tried again${limit}: ${message}`);
      else log.warn(`${operation} fails: ${message}${hint === undefined ? "" : `; try: ${hint}`}`);
    },
    onRecovery(operation) {
      if (troubled.delete(operation)) log.info(`${operation} works again`);
    },
  };
}

/** A running report. */
export interface DrainReport {
  readonly onEvent: OnDrainEvent;
  /** Takes the progress line away, stops reporting, and tells what the run leaves behind. */
  end(end: DrainEnd): void;
}

/** The queue's own count, and how many messages the run had received then. */
interface Counted {
  readonly visible: number;
  readonly received: number;
}

/** About how many messages are still to be done: those in the queue, and those that are received and not settled. */
export function messagesLeft(counted: Counted, received: number, open: number): number {
  return Math.max(0, counted.visible - (received - counted.received)) + open;
}

/** Reports until `end`: a progress line on a terminal, a log line now and then elsewhere. */
export function reportDrain(parts: DrainReportParts): DrainReport {
  const { context, clock, soFar, source, attributes, gap, json, trouble } = parts;
  const { log, stderr, stdout } = context;
  const progress = createProgress(log, stderr, clock);
  const startedAt = clock.monotonicMillis();
  let counted: Counted = { visible: attributes.visible, received: 0 };
  let samples = [{ at: startedAt, loaded: 0 }];

  function state(): ProgressState {
    const now = clock.monotonicMillis();
    const { counts, open } = soFar();
    const loaded = counts.inserted + counts.duplicates;
    // The last one is kept however old it is: log lines are further apart than the rate looks back.
    samples = [...samples.filter(({ at }, index) => now - at <= rateMillis || index === samples.length - 1)];
    samples.push({ at: now, loaded });
    const [first] = samples;
    const millis = now - (first?.at ?? now);
    return {
      loaded,
      rejected: counts.rejected,
      perSecond: millis > 0 ? ((loaded - (first?.loaded ?? 0)) / millis) * 1000 : 0,
      left: messagesLeft(counted, counts.received, open),
      seconds: (now - startedAt) / 1000,
    };
  }

  /** An idle drain has nothing to report, and asking costs money; one that waits for the database says so. */
  let reported = 0;
  async function report(): Promise<void> {
    const { counts, open } = soFar();
    if (counts.received === reported && open === 0) return;
    reported = counts.received;
    if (stderr.isTerminal) {
      // The count only dresses the progress line: where the queue does not answer, the old one stands.
      const now = await source.attributes().catch(() => undefined);
      if (now !== undefined) counted = { visible: now.visible, received: soFar().counts.received };
    } else {
      log.info(formatProgress(state(), Number.POSITIVE_INFINITY));
    }
  }

  // A drain that waits for messages with nobody watching has nothing to wake up for.
  const redrawing = stderr.isTerminal ? setInterval(() => progress.update(state()), redrawMillis) : undefined;
  const reporting = setInterval(() => void report(), reportMillis);
  let whyNotReleased: EtlError | undefined;
  /** Told once, at the end: a run gives back by the hundred. */
  function tellOfLeft({ error }: DrainEnd): void {
    const { hidden, undeleted } = soFar();
    const isSaid = error instanceof EtlError && error.code === notDeletedCode;
    if (undeleted > 0 && !isSaid)
      log.warn(
        `${countOf(undeleted, "stored message")} could not be deleted: received again, recognised and deleted by the next run`,
      );
    if (hidden === 0) return;
    const reason = whyNotReleased === undefined ? "" : `: ${whyNotReleased.message}`;
    log.warn(
      `${countOf(hidden, "message")} could not be given back${reason}; hidden until the visibility timeout is over, ${attributes.visibilityTimeoutSeconds} s`,
    );
  }

  let toldOfGapAt = Number.NEGATIVE_INFINITY;
  function tellOfGap(): void {
    // A run that follows meets late messages for as long as nobody makes the partition.
    if (clock.monotonicMillis() < toldOfGapAt + gapMillis) return;
    const error = gap();
    if (error === undefined) return;
    toldOfGapAt = clock.monotonicMillis();
    log.warn(`${error.message}; try: ${error.hint}`);
  }

  function tell(event: DrainEvent): void {
    switch (event.type) {
      case "rejected":
        for (const { rejection } of event.messages) {
          log.warn(`rejected message ${rejection.messageId}: ${rejectionWords(rejection)}`);
          // If it cannot be written, the receipt behind it cannot either, and says so.
          if (json) stdout.write(`${jsonLine({ rejection })}\n`).catch(() => {});
        }
        break;
      case "postponed":
        tellOfGap();
        break;
      case "trouble":
        trouble.onTrouble(event.error);
        break;
      case "recovered":
        trouble.onRecovery(event.operation);
        break;
      case "undeleted":
        if (event.messages === 0) log.info("deletes work again");
        else
          log.warn(
            "deletes fail or do nothing: stored messages stay in the queue, come again, are recognised, and are deleted again",
          );
        break;
      case "uncopied":
        log.warn(
          `${countOf(event.messages, "rejected message")} left in the queue: nothing that is damaged, or has 10 attributes or 1 MiB already, can be copied whole`,
        );
        break;
      case "released":
        if (event.error instanceof EtlError) whyNotReleased ??= event.error;
        break;
      default:
        break;
    }
  }

  return {
    onEvent: tell,
    end(end) {
      clearInterval(redrawing);
      clearInterval(reporting);
      progress.end();
      tellOfLeft(end);
    },
  };
}

/** What may wait for the reader of standard output before receives wait for it, in characters. */
const mostBacklog = 64 * 1024;

/** Between two looks whether a slow reader has caught up. */
const paceMillis = 20;

/**
 * The queue, polled no faster than what is told is read: a slow reader slows the run, and does not fill its memory. A reader
 * of the log that is stuck does not hold the run up, because the log drops lines; what `json` tells is not dropped.
 *
 * @param stop ends the waiting: nothing is received after it
 * @throws EtlError from a receive, if a line of the log was lost, as on a full disk
 */
export function pacedByReaders(
  source: Source,
  { log, stdout }: Pick<Context, "log" | "stdout">,
  json: boolean,
  stop: AbortSignal,
): Source {
  const isBehind = () => log.isBehind() || (json && stdout.backlog > mostBacklog);
  return {
    async receive(options) {
      while (isBehind()) {
        if (stop.aborted || options.signal?.aborted) return [];
        await systemClock.sleep(paceMillis);
      }
      return source.receive(options);
    },
    delete: (receiptHandles) => source.delete(receiptHandles),
    changeVisibility: (changes) => source.changeVisibility(changes),
    attributes: () => source.attributes(),
    get requests() {
      return source.requests;
    },
  };
}

/** The first line of a drain. */
export function startLine(queue: string, table: string, { visible, inFlight }: QueueAttributes): string {
  const hidden =
    inFlight === 0 ? "" : `, and ${formatCount(inFlight)} hidden: received before and not settled`;
  return `draining ${queue} into ${table}: about ${formatCount(visible)} waiting${hidden}`;
}

/** What a receipt says beside the counts. */
export interface RunFacts extends Pick<Receipt, "queue" | "table" | "dryRun" | "limit" | "requests"> {
  readonly outcome: RunOutcome;
  /** Wall time of the run, in milliseconds. */
  readonly millis: number;
}

/** The receipt of a run, now or at its end. */
export function toReceipt(counts: Counts, fields: FieldCounts, { millis, ...facts }: RunFacts): Receipt {
  return { ...facts, ...counts, ...fields, seconds: Math.round(millis) / 1000 };
}

/** If both streams lead to one place, what was logged is to stand above what is printed. */
export async function finishLogAbove({ stdout, stderr, log }: Context): Promise<void> {
  if (stdout.place === stderr.place) await log.flush();
}

/** Prints it as a block for people or, with `json`, as the last line. */
export async function printReceipt(context: Context, receipt: Receipt, json: boolean): Promise<void> {
  const { stdout } = context;
  await finishLogAbove(context);
  const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
  await stdout.write(json ? `${jsonLine({ receipt })}\n` : `${formatReceipt(receipt, columns)}\n`);
}

/** What a run exits with if no error ended it. */
export function exitCodeOf(receipt: Receipt, stop: Stop): number {
  if (receipt.outcome === "stopped") return stop.exitCode;
  return receipt.rejected > 0 ? exitCodes.data : 0;
}
