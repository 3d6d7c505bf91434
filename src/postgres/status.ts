/** Reads what the ledger and the records tell of a queue and its table. */

import { EtlError } from "../errors.ts";
import type { Rejection } from "../message/message.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import { objectSql, readObjects } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { sqlLiteral } from "./identifier.ts";
import {
  type LedgerHome,
  ledgerName,
  readOwnTables,
  rejectionLogName,
  runLogName,
  statusGrants,
  utcText,
} from "./ledger.ts";
import {
  askedParameters,
  askedSql,
  type DrainedQueue,
  type MessageIdentity,
  ofQueue,
  type RunRecord,
  runCounts,
  runNamedCounts,
} from "./records.ts";

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
  /** With the indexes; the entries are an estimate if they are many. Absent if there is none, or it may not be read. */
  readonly ledger?: { readonly entries: number; readonly bytes: number };
  /** Absent if there are none, or they may not be read. */
  readonly records?: RecordStatus;
}

/**
 * Reads it, from one moment.
 *
 * @param runs how many runs, the last ones
 * @throws EtlError if the database cannot be reached
 */
export async function readStatus(
  database: Database,
  home: LedgerHome,
  { runs, ...of }: DrainedQueue & { readonly runs: number },
): Promise<TableStatus> {
  const options = readOptions(database, home, "read status");
  const own = await readOwnTables(database, home, options);
  const may = (table: "etl_ledger" | "etl_run" | "etl_rejection") => own[table].may.includes("select");
  if (!may("etl_ledger")) return {};
  const hasRecords = may("etl_run") && may("etl_rejection");
  const question = [statusSql(home, hasRecords), ...(hasRecords ? [of.queue, of.table, runs] : [])] as const;
  const [status] = await readObjects<TableStatus>(database, options, question);
  return status ?? {};
}

/**
 * The last run that has ended and stored messages; undefined if there is none, or runs may not be read.
 *
 * @throws EtlError if the database does not answer
 */
export async function readLastRun(
  database: Database,
  home: LedgerHome,
  of: DrainedQueue,
  signal: AbortSignal,
): Promise<RecordedRun | undefined> {
  const options = { ...readOptions(database, home, "read last run"), signal };
  const { etl_run, etl_queue } = await readOwnTables(database, home, options);
  if (![etl_run, etl_queue].every(({ may }) => may.includes("select"))) return undefined;
  const text = runsSql(home, "and outcome <> 'running' and mapped > 0");
  const [run] = await readObjects<RecordedRun>(database, options, [text, of.queue, of.table, 1]);
  return run;
}

/** Up to here entries are counted; beyond, the planner's estimate must do. */
const countedBytes = 16 * 1024 * 1024;

function statusSql(home: LedgerHome, hasRecords: boolean): string {
  const ledger = ledgerName(home);
  const all = (rows: string) => `(select coalesce(json_agg(object), '[]') from (${rows}) as listed)`;
  const records = objectSql({
    rowsToday: `(
      select coalesce(sum(inserted - inserted_before), 0)::float8 from ${runLogName(home)}
      where table_name = $2::text and (ended_at at time zone 'UTC')::date = (now() at time zone 'UTC')::date
    )`,
    runs: all(runsSql(home)),
    rejections: all(rejectionsSql(home)),
  });
  return `
  select ${objectSql({
    ledger: objectSql({
      bytes: "pg_catalog.pg_total_relation_size(c.oid)::float8",
      entries: `case when pg_catalog.pg_relation_size(c.oid) <= ${countedBytes} or c.reltuples < 0
        then (select count(*) from ${ledger})::float8
        else c.reltuples::float8
      end`,
    }),
    ...(hasRecords && { records }),
  })}
  from pg_catalog.pg_class c
  where c.oid = ${sqlLiteral(ledger)}::regclass`;
}

/** A run under way records itself every ten seconds: one that has not for three minutes is gone. */
function runsSql(home: LedgerHome, further = ""): string {
  return `
  select ${objectSql({
    runId: "run_id",
    startedAt: utcText("started_at"),
    endedAt: utcText("ended_at"),
    outcome:
      "case when outcome = 'running' and ended_at < now() - interval '3 minutes' then 'gone' else outcome end",
    seconds: "round(extract(epoch from ended_at - started_at)::numeric, 3)::float8",
    ...Object.fromEntries([...runCounts, ...runNamedCounts].map((count) => [count, count])),
    limit: "limited_by",
    version: "version",
  })} as object
  from ${runLogName(home)} as run
  where ${ofQueue(home)} ${further}
  order by run.ended_at desc, run.run_id
  limit $3::integer`;
}

/** The entry that the ledger has of a rejected message, which was stored later on. */
const sameMessage = "l.sent_at = r.sent_at and l.message_id = r.message_key and l.queue_id = r.queue_id";

function rejectionsSql(home: LedgerHome): string {
  return `
  select ${objectSql({ reason: "r.reason", messages: "count(*)", loadedSince: "count(l.sent_at)" })} as object
  from ${rejectionLogName(home)} r
  left join ${ledgerName(home)} l on ${sameMessage}
  where r.${ofQueue(home)}
  group by r.reason
  order by count(*) desc, r.reason`;
}

/** Which rejections are listed. */
export interface RejectionQuestion extends DrainedQueue {
  /** The most messages. */
  readonly limit: number;
  /** Only those whose last reason it is. */
  readonly reason?: string | undefined;
}

/** A message that was rejected. */
export interface ListedRejection extends Rejection {
  readonly sentAt: Date;
  /** How many runs have rejected it. */
  readonly times: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Whether the ledger knows it: a run has stored it later on. */
  readonly loaded: boolean;
}

/**
 * Lists the messages that were rejected, the last rejected first.
 *
 * @throws EtlError of kind config if rejections are not recorded, permission if they may not be read
 */
export async function listRejections(
  database: Database,
  home: LedgerHome,
  { queue, table, limit, reason = "" }: RejectionQuestion,
): Promise<readonly ListedRejection[]> {
  const options = readOptions(database, home, "list rejections");
  const { etl_rejection } = await readOwnTables(database, home, options);
  if (!etl_rejection.exists) {
    throw new EtlError({
      kind: "config",
      operation: "list rejections",
      message: `schema ${home.schema} has no table etl_rejection, so rejections are not recorded`,
      hint: `etl migrate --table ${shellQuoted(table)}, then drain`,
    });
  }
  const text = `
    select ${objectSql({
      messageId: "message_id",
      sentAt: utcText("sent_at"),
      reason: "reason",
      path: "path",
      column: "column_name",
      constraint: "constraint_name",
      times: "times",
      firstAt: utcText("first_at"),
      lastAt: utcText("last_at"),
      loaded: `exists (select from ${ledgerName(home)} l where ${sameMessage})`,
    })}
    from ${rejectionLogName(home)} r
    where ${ofQueue(home)} and $4::text in ('', reason)
    order by r.last_at desc, r.sent_at desc, r.message_key
    limit $3::integer`;
  return await readObjects(database, options, [text, queue, table, limit, reason]);
}

/** What the database knows of a message. */
export interface KnownMessage {
  /** Whether the ledger has it: its row is in the table, and only its delete was lost. */
  readonly stored: boolean;
  /** Why it was last rejected, if that was recorded. */
  readonly reason?: string;
}

/**
 * Says of messages whether their rows are stored, and why they were rejected: asked before they are sent again.
 *
 * @param of the queue that they were drained from
 * @returns one answer a message, in order
 * @throws EtlError of kind config if there is no ledger, permission if it may not be read
 */
export async function lookUpMessages(
  database: Database,
  home: LedgerHome,
  of: DrainedQueue,
  messages: readonly MessageIdentity[],
): Promise<readonly KnownMessage[]> {
  if (messages.length === 0) return [];
  const options = readOptions(database, home, "look up messages");
  const { etl_rejection } = await readOwnTables(database, home, options);
  const isKnown = (sentAt: string, key: string) => `${sentAt} = asked.sent_at and ${key} = asked.message_key`;
  const properties = {
    stored: `exists (
      select from ${ledgerName(home)} l where ${isKnown("l.sent_at", "l.message_id")} and l.${ofQueue(home)}
    )`,
    ...(etl_rejection.may.includes("select") && {
      reason: `(
        select r.reason from ${rejectionLogName(home)} r
        where ${isKnown("r.sent_at", "r.message_key")} and r.${ofQueue(home)} limit 1
      )`,
    }),
  };
  const text = `select ${objectSql(properties)} from ${askedSql} as asked order by place`;
  return await readObjects(database, options, [text, ...askedParameters(of, messages)]);
}

function readOptions(database: Database, home: LedgerHome, operation: string) {
  return { operation, grants: statusGrants(home, database.user) };
}
