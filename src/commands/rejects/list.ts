/** `etl rejects list`: which messages were rejected, why and when, and nothing of what they hold. */

import { readTable } from "../../postgres/catalog.ts";
import { ledgerHome } from "../../postgres/ledger.ts";
import { type ListedRejection, listRejections } from "../../postgres/status.ts";
import type { RejectsListOptions } from "../../settings/options.ts";
import { formatRejections } from "../../terminal/summaries.ts";
import { countOf, jsonLine } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import { openQueue } from "../queue.ts";
import { readSettings } from "../settings.ts";
import { openSettingsDatabase } from "../table.ts";

const defaultMax = 100;

/**
 * Lists what is recorded, the last rejected first. The queue is not asked: it is known by the name in its URL.
 *
 * @returns 0
 * @throws EtlError if the database cannot be reached, or rejections are not recorded
 */
export async function runRejectsList(context: Context, options: RejectsListOptions): Promise<number> {
  const { stdout, log } = context;
  const settings = readSettings(context, options);
  const { name: queue } = openQueue(settings.queue, context);
  const { reason, max = defaultMax } = options;
  const database = openSettingsDatabase(settings, context);
  let found: readonly ListedRejection[];
  try {
    const table = await readTable(database, settings.table.name);
    // One more than is shown tells whether there are more.
    const question = { queue, table: table.sqlName, reason, limit: max + 1 };
    found = await listRejections(database, ledgerHome(table, settings.ledger), question);
  } finally {
    database.close();
  }
  const shown = found.slice(0, max);
  await log.flush();
  if (shown.length > 0) {
    const columns = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY;
    const text = options.json
      ? shown.map((rejection) => jsonLine({ rejection })).join("\n")
      : formatRejections(shown, columns);
    await stdout.write(`${text}\n`);
  }
  if (shown.length < found.length) {
    const last = max === 1 ? "this is the last message" : `these are the last ${countOf(max, "message")}`;
    log.info(`there are more: ${last}; --max N shows more`);
  } else if (shown.length === 0) {
    const what = reason === undefined ? "no message" : `no message with the reason ${reason}`;
    log.info(`${what} is recorded as rejected from ${queue}`);
  }
  return 0;
}
