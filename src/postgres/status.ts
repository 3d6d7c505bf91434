/** Reads what a schema tells of its table: the size of the ledger, the last runs, and what was rejected. */

import type { ResultRow } from "./client.ts";
import type { Database, Transaction } from "./connect.ts";
import { type LedgerHome, ledgerName } from "./ledger.ts";
import { mayUse, ofQueue, rejectionLogName, runLogName, statusGrants, utcText } from "./records.ts";
import type { RunRecord } from "./run-log.ts";

/** What is asked. */
export interface StatusQuestion {
  /** The queue's ARN or, where nobody could ask for it, its name. */
  readonly queue: string;
  /** How many runs, the last ones. */
  readonly runs: number;
}

/** A run as it was recorded. */
export interface RecordedRun extends RunRecord {
  readonly startedAt: Date;
  /** Of one that is `running`: when it was last heard of. */
  readonly endedAt: Date;
  /** The receipt's word, `running`, or `gone`: it was running, and has not been heard of for too long. */
  readonly outcome: string;
}

/** The messages of a queue that were rejected for one reason, each by its last one. */
export interface RejectionCount {
  readonly reason: string;
  readonly messages: number;
  /** Of these, how many the ledger knows: they were stored later on. */
  readonly loadedSince: number;
}

/** What the records tell. */
export interface RecordStatus {
  /** Rows that runs have put into the table since 00:00 UTC, whatever their queue, as far as they have recorded it. */
  readonly rowsToday: number;
  /** The last first. */
  readonly runs: readonly RecordedRun[];
  /** The most frequent first. */
  readonly rejections: readonly RejectionCount[];
}

/** What is known of a table. */
export interface TableStatus {
  /** With the indexes; the entries are an estimate where they are many. Absent where there is none, or it may not be read. */
  readonly ledger?: { readonly entries: number; readonly bytes: number };
  /** Absent where there are none, or they may not be read. */
  readonly records?: RecordStatus;
}

/**
 * Reads it, from one moment.
 *
 * @throws EtlError where the database cannot be reached
 */
export async function readStatus(
  database: Database,
  home: LedgerHome,
  { queue, runs }: StatusQuestion,
): Promise<TableStatus> {
  const options = { operation: "read status", readOnly: true, grants: statusGrants(home, database.user) };
  return await database.transaction(options, async (transaction) => {
    const may = (sqlName: string) => mayUse(transaction, sqlName, "select");
    const hasLedger = await may(ledgerName(home));
    const hasRecords = hasLedger && (await may(runLogName(home))) && (await may(rejectionLogName(home)));
    return {
      ...(hasLedger ? { ledger: await readLedger(transaction, home) } : {}),
      ...(hasRecords
        ? {
            records: {
              rowsToday: await readRowsToday(transaction, home),
              runs: (await transaction.run(runsSql(home), [queue, runs])).map(toRun),
              rejections: (await transaction.run(rejectionsSql(home), [queue])).map(toRejectionCount),
            },
          }
        : {}),
    };
  });
}

/** Up to here entries are counted; beyond, the planner's estimate must do. */
const countedBytes = 16 * 1024 * 1024;

async function readLedger(transaction: Transaction, home: LedgerHome) {
  const ledger = ledgerName(home);
  const [row] = await transaction.run(
    `select pg_catalog.pg_total_relation_size(c.oid)::float8 as bytes,
       case when pg_catalog.pg_relation_size(c.oid) <= ${countedBytes} or c.reltuples < 0
         then (select count(*) from ${ledger})::float8
         else c.reltuples::float8
       end as entries
     from pg_catalog.pg_class c
     where c.oid = $1::text::regclass`,
    [ledger],
  );
  return { entries: row?.entries as number, bytes: row?.bytes as number };
}

async function readRowsToday(transaction: Transaction, home: LedgerHome): Promise<number> {
  const [row] = await transaction.run(
    `select coalesce(sum(inserted - inserted_before), 0)::float8 as rows
     from ${runLogName(home)}
     where table_name = $1::text and (ended_at at time zone 'UTC')::date = (now() at time zone 'UTC')::date`,
    [home.sqlName],
  );
  return row?.rows as number;
}

const counts = [
  "received",
  "inserted",
  "duplicates",
  "rejected",
  "released",
  "unsettled",
  "deleted",
  "requests",
] as const satisfies readonly (keyof RunRecord)[];

/** A run under way records itself every ten seconds: one that has not for three minutes is gone. */
function runsSql(home: LedgerHome): string {
  return `
  select run_id::text as run_id, ${utcText("started_at")} as started_at, ${utcText("ended_at")} as ended_at,
    extract(epoch from ended_at - started_at)::float8 as seconds,
    case when outcome = 'running' and ended_at < now() - interval '3 minutes' then 'gone' else outcome end as outcome,
    ${counts.map((name) => `${name}::float8 as ${name}`).join(", ")},
    rejections::text as rejections, limited_by, version
  from ${runLogName(home)} as run
  where ${ofQueue(home, "$1")}
  order by run.ended_at desc, run.run_id
  limit $2::integer`;
}

function toRun(row: ResultRow): RecordedRun {
  const limit = row.limited_by as string | null;
  return {
    runId: row.run_id as string,
    startedAt: new Date(row.started_at as string),
    endedAt: new Date(row.ended_at as string),
    outcome: row.outcome as string,
    seconds: Math.round((row.seconds as number) * 1000) / 1000,
    ...(Object.fromEntries(counts.map((name) => [name, row[name]])) as Pick<
      RunRecord,
      (typeof counts)[number]
    >),
    rejections: JSON.parse(row.rejections as string) as Record<string, number>,
    ...(limit === null ? {} : { limit }),
    version: row.version as string,
  };
}

function rejectionsSql(home: LedgerHome): string {
  return `
  select r.reason, count(*)::float8 as messages, count(l.sent_at)::float8 as loaded_since
  from ${rejectionLogName(home)} r
  left join ${ledgerName(home)} l
    on l.sent_at = r.sent_at and l.message_id = r.message_key and l.queue_id = r.queue_id
  where r.${ofQueue(home, "$1")}
  group by r.reason
  order by messages desc, r.reason`;
}

function toRejectionCount(row: ResultRow): RejectionCount {
  return {
    reason: row.reason as string,
    messages: row.messages as number,
    loadedSince: row.loaded_since as number,
  };
}
