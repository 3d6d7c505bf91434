/** Keeps what runs did, so that it can be looked up after they have ended, and while they go on. */

import type { Database } from "./connect.ts";
import type { LedgerHome } from "./ledger.ts";
import { recordGrants, runLogName } from "./records.ts";

/** What a run did, up to now or to its end: its receipt, and what tells it from others. */
export interface RunRecord {
  /** A UUID, the same at each recording of the run. */
  readonly runId: string;
  /** The receipt's word; `running` where the run has not ended. */
  readonly outcome: string;
  /** Wall time of the run. */
  readonly seconds: number;
  readonly received: number;
  readonly inserted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly released: number;
  readonly unsettled: number;
  readonly deleted: number;
  readonly requests: number;
  /** Rejections by reason. */
  readonly rejections: Readonly<Record<string, number>>;
  /** What kept the run from being faster, where that is known. */
  readonly limit?: string | undefined;
  /** Of the program. */
  readonly version: string;
}

/**
 * Records a run, or what has become of one that was recorded before. Times are the database's own.
 *
 * @param queueId from `registerQueue`
 * @throws EtlError of kind config where there is no table for it, permission where the user may not
 */
export async function recordRun(
  database: Database,
  home: LedgerHome,
  queueId: number,
  run: RunRecord,
  signal?: AbortSignal,
): Promise<void> {
  const options = {
    operation: "record run",
    grants: recordGrants(home, database.user),
    ...(signal === undefined ? {} : { signal }),
  };
  const parameters = [
    queueId,
    run.runId,
    home.sqlName,
    run.seconds,
    run.outcome,
    run.received,
    run.inserted,
    run.duplicates,
    run.rejected,
    run.released,
    run.unsettled,
    run.deleted,
    run.requests,
    JSON.stringify(run.rejections),
    run.limit ?? "",
    run.version,
  ].map(String);
  await database.transaction(options, (transaction) => transaction.run(recordSql(home), parameters));
}

/** What was recorded on an earlier day stays that day's: a run that goes on for weeks has rows of each of them. */
function recordSql(home: LedgerHome): string {
  return `
  insert into ${runLogName(home)} as known (
    queue_id, run_id, table_name, started_at, ended_at, outcome, received, inserted, inserted_before, duplicates,
    rejected, released, unsettled, deleted, requests, rejections, limited_by, version
  )
  select $1::text::integer, $2::text::uuid, $3::text, now() - make_interval(secs => $4::text::double precision), now(),
    $5::text, $6::text::bigint, $7::text::bigint, 0, $8::text::bigint, $9::text::bigint, $10::text::bigint,
    $11::text::bigint, $12::text::bigint, $13::text::bigint, $14::text::jsonb, nullif($15::text, ''), $16::text
  on conflict (queue_id, run_id) do update
  set ended_at = excluded.ended_at, outcome = excluded.outcome, received = excluded.received,
    inserted = excluded.inserted, duplicates = excluded.duplicates, rejected = excluded.rejected,
    released = excluded.released, unsettled = excluded.unsettled, deleted = excluded.deleted,
    requests = excluded.requests, rejections = excluded.rejections, limited_by = excluded.limited_by,
    inserted_before = case
      when (known.ended_at at time zone 'UTC')::date < (excluded.ended_at at time zone 'UTC')::date
      then known.inserted
      else known.inserted_before
    end`;
}
