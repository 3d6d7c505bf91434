/** Keeps ledger and records small: deletes what tells of messages that the queue itself has long forgotten. */

import { EtlError } from "../errors.ts";
import type { Database, Transaction } from "./connect.ts";
import {
  type LedgerHome,
  ledgerGrants,
  ledgerName,
  readOwnTables,
  recordGrants,
  rejectionLogName,
  runLogName,
} from "./ledger.ts";

/** More than anybody reads; a run that is started every minute fills them in a day. */
const keptRuns = 1_000;

/** What goes. */
interface PruneOptions {
  /** From `registerQueue`; what is of other queues stays. */
  readonly queueId: number;
  /** Age of a message from which on it goes, by the database's clock; must exceed the queue's retention. */
  readonly keepSeconds: number;
  /** How many entries, of whatever queue, one transaction looks at. @defaultValue 5000 */
  readonly stepEntries?: number;
}

/** A place in the order of the ledger's key. */
type Position = readonly [sentAt: string, messageId: string, queueId: number];

const beginning: Position = ["-infinity", "00000000-0000-0000-0000-000000000000", 0];
const end: Position = ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff", 2 ** 31 - 1];

/**
 * Deletes a queue's ledger entries that are older than `keepSeconds`, the oldest first, in steps of a transaction each.
 *
 * One process at a time prunes a queue; another one's call returns at once. Loads are not held up: they hold locks on
 * new entries only, and this one on old ones. Meant for a `Database` of its own, as transactions of one stand in line.
 *
 * @param signal ends it, also within a step, which is then rolled back
 * @returns how many entries it deleted until the end, the signal, or another pruner's turn
 * @throws EtlError of kind permission if the user may not delete from the ledger, with the grant as its hint
 */
export async function pruneLedger(
  database: Database,
  home: LedgerHome,
  { queueId, keepSeconds, stepEntries = 5_000 }: PruneOptions,
  signal?: AbortSignal,
): Promise<number> {
  if (!(keepSeconds >= 0)) {
    const message = "the age from which on ledger entries are deleted is no number of seconds";
    throw new EtlError({ kind: "internal", operation: "prune ledger", message });
  }
  const ledger = ledgerName(home);
  const grants = ledgerGrants(home, database.user);
  const options = { operation: "prune ledger", grants, ...(signal && { signal }) };

  let from: Position | undefined = beginning;
  /** Begins where the step before ended, and says how many it deleted. */
  async function step(transaction: Transaction, start: Position): Promise<number> {
    const [lock] = await transaction.run(lockSql, [ledger, queueId]);
    from = undefined;
    if (lock?.acquired !== true) return 0;
    const [last] = await transaction.run(lastSql(ledger), [keepSeconds, ...start, stepEntries - 1]);
    if (last) from = [last.sent_at as string, last.message_id as string, last.queue_id as number];
    const range = [keepSeconds, ...start, ...(from ?? end)];
    const [result] = await transaction.run(deleteSql(ledger), [...range, queueId]);
    return result?.deleted as number;
  }

  let deleted = 0;
  try {
    while (from !== undefined) {
      const start: Position = from;
      deleted += await database.transaction(options, (transaction) => step(transaction, start));
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
  return deleted;
}

/**
 * The lock ends with the step's transaction, so that a pooler that changes sessions does not lose it.
 *
 * Only a person's own statement can hold an old entry: after a second, the next pruning may try again. `skip locked`
 * would not wait at all, but asks for the permission to update. The key is used whatever the statistics say.
 */
const lockSql = `
  select pg_catalog.set_config('lock_timeout', '1s', true),
         pg_catalog.set_config('enable_seqscan', 'off', true),
         pg_catalog.pg_try_advisory_xact_lock($1::text::regclass::oid::integer, $2::integer) as acquired`;

/** Old entries behind the last one of the step before: what that has deleted stays in the index until a vacuum. */
const oldSql = `
  sent_at < now() - make_interval(secs => $1::double precision)
  and (sent_at, message_id, queue_id) > ($2::text::timestamptz, $3::text::uuid, $4::integer)`;

/**
 * The last entry that a step looks at. The looking is limited, not the deleting: else one step might have to read past
 * all entries of a queue that keeps its messages for longer.
 *
 * The time is written so that every session reads it alike, whatever its time zone and date style.
 */
function lastSql(ledger: string): string {
  return `
  select to_char(sent_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as sent_at, message_id, queue_id
  from (
    select sent_at, message_id, queue_id
    from ${ledger}
    where ${oldSql}
    order by sent_at, message_id, queue_id
    offset $5::integer limit 1
  ) as last`;
}

function deleteSql(ledger: string): string {
  return `
  with gone as (
    delete from ${ledger}
    where ${oldSql}
    and (sent_at, message_id, queue_id) <= ($5::text::timestamptz, $6::text::uuid, $7::integer)
    and queue_id = $8::integer
    returning 1
  )
  select count(*)::integer as deleted from gone`;
}

/**
 * Deletes all but the last runs of a queue, and the rejections of messages that it has forgotten. Does nothing if there
 * are no records, or the user may not delete any.
 *
 * @param signal ends it, also within a step, which is then rolled back
 * @throws EtlError as every transaction does; the signal's reason
 */
export async function pruneRecords(
  database: Database,
  home: LedgerHome,
  { queueId, keepSeconds, stepEntries = 5_000 }: PruneOptions,
  signal?: AbortSignal,
): Promise<void> {
  const grants = recordGrants(home, database.user);
  const options = { operation: "prune records", grants, ...(signal && { signal }) };
  const [runs, rejections] = [runLogName(home), rejectionLogName(home)];
  const own = await readOwnTables(database, home, options);
  const id = String(queueId);
  if (own.etl_run.may.includes("delete")) {
    // The last run that stored something stays: it tells what the ledger must hold.
    const text = `
      delete from ${runs} where queue_id = $1::integer and run_id in (
        select run_id from ${runs} where queue_id = $1::integer order by ended_at desc, run_id offset ${keptRuns}
      ) and run_id is distinct from (
        select run_id from ${runs} where queue_id = $1::integer and inserted > 0 order by ended_at desc limit 1
      )`;
    await database.runOnce(options, { text, parameters: [id] });
  }
  if (!own.etl_rejection.may.includes("delete")) return;
  const text = `
    with old as (
      select sent_at, message_key from ${rejections}
      where sent_at < now() - make_interval(secs => $1::double precision) and queue_id = $2::integer
      order by sent_at limit ${stepEntries}
    ), gone as (
      delete from ${rejections} using old
      where ${rejections}.sent_at = old.sent_at and ${rejections}.message_key = old.message_key
        and queue_id = $2::integer
      returning 1
    )
    select count(*) from gone`;
  const step = async () => {
    const [row] = await database.runOnce(options, { text, parameters: [String(keepSeconds), id] });
    return Number(row?.[0]);
  };
  while ((await step()) === stepEntries);
}
