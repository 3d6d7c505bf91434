/** Keeps the records small: the last runs of a queue, and the rejections of messages that it may still have. */

import type { Database } from "./connect.ts";
import type { LedgerHome } from "./ledger.ts";
import { mayUse, recordGrants, rejectionLogName, runLogName } from "./records.ts";

/** More than anybody reads; a run that is started every minute fills them in a day. */
const keptRuns = 1_000;

/** Rejections that one transaction deletes at the most. */
const stepEntries = 5_000;

/** Which records go. */
interface RecordPruneOptions {
  /** From `registerQueue`; other queues' records stay. */
  readonly queueId: number;
  /** Age of a message from which on its rejection goes, as its entry in the ledger does. */
  readonly keepSeconds: number;
}

/**
 * Deletes what is older than is worth keeping. Does nothing where there are no records, or the user may not delete any.
 *
 * @param signal ends it, also within a step, which is then rolled back
 * @throws EtlError as every transaction does; the signal's reason
 */
export async function pruneRecords(
  database: Database,
  home: LedgerHome,
  { queueId, keepSeconds }: RecordPruneOptions,
  signal?: AbortSignal,
): Promise<void> {
  const options = {
    operation: "prune records",
    grants: recordGrants(home, database.user),
    ...(signal === undefined ? {} : { signal }),
  };
  const [runs, rejections] = [runLogName(home), rejectionLogName(home)];
  await database.transaction(options, async (transaction) => {
    if (!(await mayUse(transaction, runs, "delete"))) return;
    await transaction.run(
      `delete from ${runs} where queue_id = $1::integer and run_id in (
         select run_id from ${runs} where queue_id = $1::integer order by ended_at desc, run_id offset ${keptRuns})`,
      [queueId],
    );
  });
  let deleted: number;
  do {
    deleted = await database.transaction(options, async (transaction) => {
      if (!(await mayUse(transaction, rejections, "delete"))) return 0;
      const [result] = await transaction.run(
        `with old as (
           select sent_at, message_key from ${rejections}
           where sent_at < now() - make_interval(secs => $1::double precision) and queue_id = $2::integer
           order by sent_at limit ${stepEntries}
         ), gone as (
           delete from ${rejections} using old
           where ${rejections}.sent_at = old.sent_at and ${rejections}.message_key = old.message_key
             and queue_id = $2::integer
           returning 1
         )
         select count(*)::integer as deleted from gone`,
        [keepSeconds, queueId],
      );
      return result?.deleted as number;
    });
  } while (deleted === stepEntries);
}
