/** Holds the table against the queue after a run: every message one row, committed before its delete arrived. */

import type { BenchDatabase } from "./database.ts";

/** What is to be true of a run. */
export interface AuditParts {
  readonly database: BenchDatabase;
  /** The number of the run, as the rows' users hold it. */
  readonly run: number;
  /** When the delete of each message arrived, in microseconds since 1970 UTC; 0 if none has. */
  readonly deletedAtMicros: Float64Array;
  /** How long Postgres's answer to a commit is under way at the least. @defaultValue 0 */
  readonly answerMicros?: number;
}

/** What was found. */
export interface Audit {
  /** Messages without a row. */
  readonly missing: number;
  /** Messages with more than one. */
  readonly doubled: number;
  /** Messages that were not deleted. */
  readonly undeleted: number;
  /** Messages whose delete arrived before the answer to the commit of their row can have. */
  readonly deletedTooEarly: number;
  /** Rows that no message was sent for. */
  readonly strange: number;
  /** When the first row was committed, in microseconds since 1970 UTC. */
  readonly firstRowMicros: number;
}

/** Rows of one run are at the end of the table; so many blocks before it are more than any run adds. */
const blocksToRead = 131_072;

/** All users of one transaction: the first eight digits of each are the index of its message. */
const rowsByTransaction = `
select (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::float8 as committed,
  string_agg(left(user_id, 8), '') as indexes
from user_logins
where ctid >= format('(%s,0)', greatest(0, pg_relation_size('user_logins') / 8192 - ${blocksToRead}))::tid
  and substr(user_id, 10, 4) = $1
group by xmin`;

/**
 * Reads every row of the run, and when its transaction was committed.
 *
 * Postgres takes the time of a commit just before it writes it to disk, and the queue that of a delete when the request
 * is there, before it is read: both on this machine's clock.
 */
export async function auditRun(parts: AuditParts): Promise<Audit> {
  const { database, run, deletedAtMicros, answerMicros = 0 } = parts;
  const tag = run.toString(16).padStart(4, "0");
  const transactions = await database.sql.unsafe<{ committed: number; indexes: string }[]>(
    rowsByTransaction,
    [tag],
  );
  const rows = new Uint8Array(deletedAtMicros.length);
  let deletedTooEarly = 0;
  let strange = 0;
  let firstRowMicros = Number.POSITIVE_INFINITY;
  for (const { committed, indexes } of transactions) {
    firstRowMicros = Math.min(firstRowMicros, committed);
    for (let at = 0; at < indexes.length; at += 8) {
      const index = Number.parseInt(indexes.slice(at, at + 8), 16);
      const [count, deletedAt] = [rows[index], deletedAtMicros[index]];
      if (count === undefined || deletedAt === undefined) {
        strange += 1;
        continue;
      }
      rows[index] = count + 1;
      if (deletedAt !== 0 && deletedAt < committed + answerMicros) deletedTooEarly += 1;
    }
  }
  return {
    missing: rows.filter((count) => count === 0).length,
    doubled: rows.filter((count) => count > 1).length,
    undeleted: deletedAtMicros.filter((deletedAt) => deletedAt === 0).length,
    deletedTooEarly,
    strange,
    firstRowMicros,
  };
}

/** Times that the two clocks are held against each other; a pause between the two readings spoils one. */
const comparisons = 5;

/**
 * Starts a clock.
 *
 * `Date.now` counts whole milliseconds: its ticks say what time it is, and the monotonic clock what has passed since.
 *
 * @returns a function that gives microseconds since 1970 UTC
 */
export function startWallClock(): () => number {
  let offsetMicros = 0;
  for (let comparison = 0; comparison < comparisons; comparison += 1) {
    const before = Date.now();
    let tick = before;
    while (tick === before) tick = Date.now();
    offsetMicros = Math.max(offsetMicros, tick * 1000 - performance.now() * 1000);
  }
  return () => offsetMicros + performance.now() * 1000;
}
