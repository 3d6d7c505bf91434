/** What a person or a script is told of a drain while it runs. */

import type { Rejection } from "../../message/rejection.ts";
import type { DrainObserver } from "../../polling/drain-parts.ts";
import type { Clock, QueueAttributes, Source } from "../../polling/ports.ts";
import type { Tally } from "../../polling/tally.ts";
import { createProgress, formatProgress, type ProgressState } from "../../terminal/log.ts";
import { countOf, formatCount, jsonLine } from "../../terminal/text.ts";
import type { Context } from "../context.ts";

const redrawMillis = 200;

/** Between two looks at the queue's count (a terminal) or two log lines (anything else). */
const reportMillis = 10_000;

/** The rate shown is that of the last seconds, not of the whole run. */
const rateMillis = 3_000;

/** What the report is made of. */
export interface DrainReportParts {
  readonly context: Context;
  readonly clock: Clock;
  readonly tally: Tally;
  readonly source: Pick<Source, "attributes">;
  /** Messages in the queue at the start. */
  readonly waiting: number;
  /** Rejections go to standard output, too. */
  readonly json: boolean;
}

/** A running report. */
export interface DrainReport extends DrainObserver {
  /** Takes the progress line away and stops reporting. */
  end(): void;
}

/** Where a rejection is, without what it holds. */
export function describeRejection({ messageId, reason, path, column, constraint }: Rejection): string {
  const where = path === "" ? "" : ` at ${path}`;
  const inColumn = column === undefined ? "" : ` (column ${column})`;
  const byConstraint = constraint === undefined ? "" : ` (constraint ${constraint})`;
  return `message ${messageId}: ${reason}${where}${inColumn}${byConstraint}`;
}

/** The queue's own count, and how many messages the run had received then. */
interface Counted {
  readonly visible: number;
  readonly received: number;
}

/** About how many messages are still to be done: those in the queue, and those that are received and not settled. */
export function messagesLeft(counted: Counted, { received, open }: Pick<Tally, "received" | "open">): number {
  return Math.max(0, counted.visible - (received - counted.received)) + open;
}

/** Reports until `end`: a progress line on a terminal, a log line now and then elsewhere. */
export function reportDrain({ context, clock, tally, source, waiting, json }: DrainReportParts): DrainReport {
  const { log, stderr, stdout } = context;
  const progress = createProgress(log, stderr, clock);
  const startedAt = clock.monotonicMillis();
  const troubled = new Set<string>();
  let counted: Counted = { visible: waiting, received: 0 };
  let samples = [{ at: startedAt, loaded: 0 }];

  function state(): ProgressState {
    const now = clock.monotonicMillis();
    const loaded = tally.inserted + tally.duplicates;
    // The last one is kept however old it is: log lines are further apart than the rate looks back.
    samples = [...samples.filter(({ at }, index) => now - at <= rateMillis || index === samples.length - 1)];
    samples.push({ at: now, loaded });
    const [first] = samples;
    const millis = now - (first?.at ?? now);
    return {
      loaded,
      rejected: tally.rejected,
      perSecond: millis > 0 ? ((loaded - (first?.loaded ?? 0)) / millis) * 1000 : 0,
      left: messagesLeft(counted, tally),
      seconds: (now - startedAt) / 1000,
    };
  }

  /** An idle drain has nothing to report, and asking costs money; one that waits for the database says so. */
  let reported = 0;
  async function report(): Promise<void> {
    if (tally.received === reported && tally.open === 0) return;
    reported = tally.received;
    if (stderr.isTerminal) {
      // The count only dresses the progress line: where the queue does not answer, the old one stands.
      const attributes = await source.attributes().catch(() => undefined);
      if (attributes !== undefined) counted = { visible: attributes.visible, received: tally.received };
    } else {
      log.info(formatProgress(state(), Number.POSITIVE_INFINITY));
    }
  }

  // A drain that waits for messages with nobody watching has nothing to wake up for.
  const redrawing = stderr.isTerminal ? setInterval(() => progress.update(state()), redrawMillis) : undefined;
  const reporting = setInterval(() => void report(), reportMillis);
  return {
    rejected(rejection) {
      log.warn(`rejected ${describeRejection(rejection)}`);
      // Where it cannot be written, the receipt behind it cannot either, and says so.
      if (json) stdout.write(`${jsonLine({ rejection })}\n`).catch(() => {});
    },
    trouble({ operation, message }) {
      if (troubled.has(operation)) return;
      troubled.add(operation);
      log.warn(`${operation} fails and is tried again: ${message}`);
    },
    recovered(operation) {
      if (troubled.delete(operation)) log.info(`${operation} works again`);
    },
    undeleted(count) {
      log.warn(
        `${countOf(count, "delete")} failed: what is loaded comes back, is recognised, and is deleted then`,
      );
    },
    uncopied(count) {
      log.warn(
        `${countOf(count, "rejected message")} left in the queue: nothing that is damaged, or has 10 attributes or 1 MiB already, can be copied whole`,
      );
    },
    end() {
      clearInterval(redrawing);
      clearInterval(reporting);
      progress.end();
    },
  };
}

/** The queue, polled no faster than the log is taken: a slow reader slows the run, and does not fill its memory. */
export function pacedByLog(source: Source, log: Pick<Context["log"], "flush">): Source {
  return {
    async receive(options) {
      await log.flush();
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
