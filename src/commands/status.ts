/** `etl status`: how queue and table stand, and what the last runs did. Changes nothing. */

import { EtlError } from "../errors.ts";
import { readTable } from "../postgres/catalog.ts";
import { openDatabase } from "../postgres/connect.ts";
import { readStatus } from "../postgres/status.ts";
import type { StatusOptions } from "../settings/options.ts";
import type { Settings } from "../settings/settings.ts";
import { parseQueueUrl, redrivePlace } from "../sqs/queue-url.ts";
import { jsonLine } from "../terminal/printable.ts";
import {
  type DeadLetterSummary,
  formatStatus,
  type QueueSummary,
  type TableSummary,
} from "../terminal/status-summary.ts";
import type { Context } from "./context.ts";
import { firstAnswer, openQueue } from "./queue.ts";
import { readSettings } from "./settings.ts";
import { systemClock } from "./system-clock.ts";
import { readDatabaseSettings } from "./table.ts";

/** So many fit under each other on a terminal. */
const shownRuns = 5;

/** A person waits for the answer. */
const deadlines = { connectTimeoutMillis: 10_000, statementTimeoutMillis: 20_000 };

/** What was asked for, or why it could not be had. */
type Answer<T> = { readonly found: T } | { readonly missing: EtlError };

/**
 * Shows what can be known. Where the queue or the database says nothing, the other is shown all the same.
 *
 * @returns 0
 * @throws EtlError the first reason why something is missing, after the rest has been shown
 */
export async function runStatus(context: Context, options: StatusOptions): Promise<number> {
  const settings = readSettings(context, options);
  const opened = openQueue(settings.queue, context);
  const { name } = opened;
  const asking = answerOf(firstAnswer(opened, context, systemClock));
  const [queue, table] = await Promise.all([
    asking.then(async (answer): Promise<Answer<QueueSummary>> => {
      if ("missing" in answer) return answer;
      const { arn, visible, inFlight, delayed } = answer.found;
      const deadLetters = await readDeadLetters(settings, answer.found, context);
      return { found: { name, arn, visible, inFlight, delayed, deadLetters } };
    }),
    answerOf(
      readTableSummary(settings, context, async () => {
        const answer = await asking;
        return "found" in answer ? answer.found.arn : name;
      }),
    ),
  ]);
  const failures = [queue, table].flatMap((answer) => ("missing" in answer ? [answer.missing] : []));
  await show(context, options.json, {
    queue: "found" in queue ? queue.found : undefined,
    table: "found" in table ? table.found : undefined,
    failures,
  });
  const [first, second] = failures;
  if (second !== undefined) context.log.warn(second.message);
  if (first !== undefined) throw first;
  return 0;
}

async function answerOf<T>(promise: Promise<T>): Promise<Answer<T>> {
  try {
    return { found: await promise };
  } catch (error) {
    if (error instanceof EtlError) return { missing: error };
    throw error;
  }
}

/** The dead-letter queue of the redrive policy, and that of the settings. */
async function readDeadLetters(
  settings: Settings,
  attributes: { readonly arn: string; readonly deadLetterArn?: string },
  context: Context,
): Promise<readonly DeadLetterSummary[]> {
  const { url: queueUrl = "" } = settings.queue;
  const { deadLetterUrl } = settings.rejects;
  const redrive = redrivePlace(queueUrl, attributes);
  const own =
    deadLetterUrl === undefined ? undefined : { name: parseQueueUrl(deadLetterUrl).name, url: deadLetterUrl };
  const places = redrive !== undefined && redrive.url === own?.url ? [redrive] : [redrive, own];
  return await Promise.all(
    places
      .filter((place) => place !== undefined)
      .map(async ({ name, url }): Promise<DeadLetterSummary> => {
        if (url === undefined) return { name, unknown: "it is in another account or region" };
        const answer = await answerOf(openQueue({ ...settings.queue, url }, context).source.attributes());
        if ("missing" in answer) return { name, unknown: answer.missing.message };
        const { visible, inFlight } = answer.found;
        return { name, visible, inFlight };
      }),
  );
}

/** @param queue gives the queue's ARN or, where nobody knows it, its name */
async function readTableSummary(
  settings: Settings,
  context: Context,
  queue: () => Promise<string>,
): Promise<TableSummary> {
  const database = openDatabase(readDatabaseSettings(settings, context), deadlines);
  try {
    const table = await readTable(database, settings.table.name);
    const status = await readStatus(database, table, { queue: await queue(), runs: shownRuns });
    return { name: table.sqlName, ...status };
  } finally {
    database.close();
  }
}

interface Shown {
  readonly queue: QueueSummary | undefined;
  readonly table: TableSummary | undefined;
  readonly failures: readonly EtlError[];
}

async function show(
  { stdout, log }: Context,
  json: boolean,
  { queue, table, failures }: Shown,
): Promise<void> {
  await log.flush();
  if (json) {
    const missing = failures.map(({ kind, message, hint }) => ({ kind, message, hint }));
    const status = {
      queue: queue ?? null,
      table:
        table === undefined
          ? null
          : { ...table, ledger: table.ledger ?? null, records: table.records ?? null },
      missing,
    };
    await stdout.write(`${jsonLine({ status })}\n`);
    return;
  }
  const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
  await stdout.write(`${formatStatus({ queue, table }, columns)}\n`);
}
