/** Keeps the ledger small: takes out the entries of messages that the queue itself has long forgotten. */

import { EtlError } from "../errors.ts";
import type { Database, Transaction } from "./connect.ts";
import { type LedgerHome, ledgerName, loadGrants } from "./ledger.ts";

/** Which entries go. */
interface PruneOptions {
  /** From `registerQueue`; other queues' entries stay. */
  readonly queueId: number;
  /** Age from which on an entry goes, by the database's clock; must exceed the queue's retention. */
  readonly keepSeconds: number;
  /** How many entries, of whatever queue, one transaction looks at. @defaultValue 5000 */
  readonly stepEntries?: number;
}

/** A place in the order of the ledger's key. */
type Position = readonly [sentAt: string, messageId: string, queueId: number];

const beginning: Position = ["-infinity", "00000000-0000-0000-0000-000000000000", 0];
const end: Position = ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff", 2 ** 31 - 1];

/** What one transaction did. */
interface Step {
  readonly deleted: number;
  /** Where the next one begins; absent where there is none. */
  readonly next: Position | undefined;
}

/**
 * Deletes a queue's entries that are older than `keepSeconds`, the oldest first, in steps of a transaction each.
 *
 * One process at a time prunes a queue; another one's call returns at once. Loads are not held up: they hold locks on
 * new entries only, and this one on old ones. Meant for a `Database` of its own, as transactions of one stand in line.
 *
 * @param signal ends it, also within a step, which is then rolled back
 * @returns how many entries it deleted until the end, the signal, or another pruner's turn
 * @throws EtlError `permission` where the user may not delete from the ledger, with the grant as its hint
 */
export async function pruneLedger(
  database: Database,
  table: LedgerHome,
  { queueId, keepSeconds, stepEntries = 5_000 }: PruneOptions,
  signal?: AbortSignal,
): Promise<number> {
  if (!(keepSeconds >= 0)) throw invalidAge();
  const ledger = ledgerName(table);
  const options = {
    operation: "prune ledger",
    grants: loadGrants(table, database.user),
    ...(signal === undefined ? {} : { signal }),
  };

  async function step(transaction: Transaction, from: Position): Promise<Step> {
    const [lock] = await transaction.run(lockSql, [ledger, queueId]);
    if (lock?.acquired !== true) return { deleted: 0, next: undefined };
    const [found] = await transaction.run(lastSql(ledger), [keepSeconds, ...from, stepEntries - 1]);
    const last: Position | undefined = found && [
      found.sent_at as string,
      found.message_id as string,
      found.queue_id as number,
    ];
    const range = [keepSeconds, ...from, ...(last ?? end)];
    const [result] = await transaction.run(deleteSql(ledger), [...range, queueId]);
    return { deleted: result?.deleted as number, next: last };
  }

  let deleted = 0;
  let from: Position | undefined = beginning;
  try {
    while (from !== undefined) {
      const here: Position = from;
      const done: Step = await database.transaction(options, (transaction) => step(transaction, here));
      deleted += done.deleted;
      from = done.next;
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

function invalidAge(): EtlError {
  return new EtlError({
    kind: "internal",
    operation: "prune ledger",
    message: "the age from which on ledger entries are deleted is no number of seconds",
  });
}
