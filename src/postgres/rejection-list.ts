/** Lists the messages that were rejected: which, why and when, and whether they were stored later on. */

import { EtlError } from "../errors.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import type { ResultRow } from "./client.ts";
import type { Database } from "./connect.ts";
import { type LedgerHome, ledgerName } from "./ledger.ts";
import { ofQueue, rejectionLogName, statusGrants, utcText } from "./records.ts";

/** Which rejections are listed. */
export interface RejectionQuestion {
  /** The queue's ARN or its name. */
  readonly queue: string;
  /** The most messages. */
  readonly limit: number;
  /** Only those whose last reason it is. */
  readonly reason?: string | undefined;
}

/** A message that was rejected. */
export interface ListedRejection {
  readonly messageId: string;
  readonly sentAt: Date;
  /** The last one. */
  readonly reason: string;
  readonly path: string;
  readonly column?: string;
  readonly constraint?: string;
  /** How many runs have rejected it. */
  readonly times: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Whether the ledger knows it: a run has stored it later on. */
  readonly loaded: boolean;
}

/**
 * Reads the list, the last rejected first.
 *
 * @throws EtlError of kind config where rejections are not recorded, permission where they may not be read
 */
export async function listRejections(
  database: Database,
  home: LedgerHome,
  { queue, limit, reason }: RejectionQuestion,
): Promise<readonly ListedRejection[]> {
  const options = { operation: "list rejections", readOnly: true, grants: statusGrants(home, database.user) };
  const rows = await database.transaction(options, async (transaction) => {
    const [found] = await transaction.run("select pg_catalog.to_regclass($1::text) is not null as present", [
      rejectionLogName(home),
    ]);
    if (found?.present !== true) throw notRecorded(home);
    return await transaction.run(listSql(home), [queue, limit, reason ?? ""]);
  });
  return rows.map(toListed);
}

function listSql(home: LedgerHome): string {
  return `
  select message_id, ${utcText("sent_at")} as sent_at, reason, path, column_name, constraint_name, times,
    ${utcText("first_at")} as first_at, ${utcText("last_at")} as last_at,
    exists (
      select from ${ledgerName(home)} l
      where l.sent_at = r.sent_at and l.message_id = r.message_key and l.queue_id = r.queue_id
    ) as loaded
  from ${rejectionLogName(home)} r
  where ${ofQueue(home, "$1")} and $3::text in ('', reason)
  order by r.last_at desc, r.sent_at desc, r.message_key
  limit $2::integer`;
}

function toListed(row: ResultRow): ListedRejection {
  const column = row.column_name as string | null;
  const constraint = row.constraint_name as string | null;
  return {
    messageId: row.message_id as string,
    sentAt: new Date(row.sent_at as string),
    reason: row.reason as string,
    path: row.path as string,
    ...(column === null ? {} : { column }),
    ...(constraint === null ? {} : { constraint }),
    times: row.times as number,
    firstAt: new Date(row.first_at as string),
    lastAt: new Date(row.last_at as string),
    loaded: row.loaded as boolean,
  };
}

function notRecorded({ schema, sqlName }: LedgerHome): EtlError {
  return new EtlError({
    kind: "config",
    operation: "list rejections",
    message: `schema ${schema} has no table etl_rejection, so rejections are not recorded`,
    hint: `etl migrate --table ${shellQuoted(sqlName)}, then drain`,
  });
}
