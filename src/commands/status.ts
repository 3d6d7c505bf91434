/** `etl status`: how queue and table stand, and what the last runs did. Changes nothing. */

import type { Answer } from "../doctor/check.ts";
import { readTable } from "../postgres/catalog.ts";
import { openDatabase } from "../postgres/connect.ts";
import { ledgerHome } from "../postgres/ledger.ts";
import { readStatus } from "../postgres/status.ts";
import type { StatusOptions } from "../settings/options.ts";
import type { Settings } from "../settings/settings.ts";
import { parseQueueUrl, redrivePlace } from "../sqs/queue-url.ts";
import {
  type DeadLetterSummary,
  formatStatus,
  type QueueSummary,
  type TableSummary,
} from "../terminal/status-summary.ts";
import { jsonLine } from "../terminal/text.ts";
import { answerOf } from "./answer.ts";
import type { Context } from "./context.ts";
import { firstAnswer, openQueue } from "./queue.ts";
import { readSettings } from "./settings.ts";
import { systemClock } from "./system-clock.ts";
import { readDatabaseSettings } from "./table.ts";

/** So many fit under each other on a terminal. */
const shownRuns = 5;

/** A person waits for the answer. */
const deadlines = { connectTimeoutMillis: 10_000, statementTimeoutMillis: 20_000 };

/**
 * Shows what can be known. If the queue or the database does not answer, the other is shown.
 *
 * @returns 0
 * @throws EtlError why the queue or else the database is missing, after the rest was shown
 */
export async function runStatus(context: Context, options: StatusOptions): Promise<number> {
  const { log, stdout } = context;
  const settings = readSettings(context, options);
  const opened = openQueue(settings.queue, context);
  const { name } = opened;
  const asking = answerOf(() => firstAnswer(opened, context, systemClock));
  const [queue, table] = await Promise.all([
    asking.then(async (answer): Promise<Answer<QueueSummary>> => {
      if ("error" in answer) return answer;
      const { arn, visible, inFlight, delayed } = answer.value;
      const deadLetters = await readDeadLetters(settings, answer.value, context);
      return { value: { name, arn, visible, inFlight, delayed, deadLetters } };
    }),
    answerOf(() =>
      readTableSummary(settings, context, async () => {
        const answer = await asking;
        return "value" in answer ? answer.value.arn : name;
      }),
    ),
  ]);
  const failures = [queue, table].flatMap((answer) => ("error" in answer ? [answer.error] : []));
  const known = {
    queue: "value" in queue ? queue.value : undefined,
    table: "value" in table ? table.value : undefined,
  };
  await log.flush();
  if (options.json) {
    const missing = failures.map(({ kind, message, hint }) => ({ kind, message, hint }));
    // Absent parts are null.
    const { ledger = null, records = null } = known.table ?? {};
    const whole = known.table === undefined ? null : { ...known.table, ledger, records };
    await stdout.write(`${jsonLine({ status: { queue: known.queue ?? null, table: whole, missing } })}\n`);
  } else {
    const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
    await stdout.write(`${formatStatus(known, columns)}\n`);
  }
  const [first, second] = failures;
  if (second !== undefined) log.warn(second.message);
  if (first !== undefined) throw first;
  return 0;
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
        const answer = await answerOf(() =>
          openQueue({ ...settings.queue, url }, context).source.attributes(),
        );
        if ("error" in answer) return { name, unknown: answer.error.message };
        const { visible, inFlight } = answer.value;
        return { name, visible, inFlight };
      }),
  );
}

/** @param queue gives the queue's ARN or, if it is not known, its name */
async function readTableSummary(
  settings: Settings,
  context: Context,
  queue: () => Promise<string>,
): Promise<TableSummary> {
  const database = openDatabase(readDatabaseSettings(settings, context), deadlines);
  try {
    const table = await readTable(database, settings.table.name);
    const of = { queue: await queue(), table: table.sqlName, runs: shownRuns };
    const status = await readStatus(database, ledgerHome(table, settings.ledger), of);
    return { name: table.sqlName, ...status };
  } finally {
    database.close();
  }
}
