import { beforeEach, describe, expect, test } from "bun:test";
import { recordGrants, registerQueue } from "../../../src/postgres/ledger.ts";
import { pruneRecords } from "../../../src/postgres/prune.ts";
import { type RejectionRecord, recordRejections, recordRun } from "../../../src/postgres/records.ts";
import { failureOf, loginQueue, openUrl } from "../../support/postgres-database.ts";
import { migratedDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { runRecord } from "../../support/postgres-records.ts";

const home = { schema: "public", sqlName: "public.user_logins" };
const { testDatabase, database } = await migratedDatabase();
const { sql } = testDatabase;
let queueId: number;
let place: { readonly queueId: number; readonly table: string };

beforeEach(async () => {
  queueId = await registerQueue(database, home, loginQueue, home);
  place = { queueId, table: home.sqlName };
});

const sentAtMillis = Date.UTC(2026, 10, 22, 3, 4, 5, 678);

function rejection(number: number, changes: Partial<RejectionRecord> = {}): RejectionRecord {
  return { messageId: `message-${number}`, sentAtMillis, reason: "field_missing", path: "ip", ...changes };
}

describe("runs", () => {
  test("a run is recorded with all of its receipt, by the database's clock", async () => {
    const rejections = { field_missing: 2, sqlstate_23514: 1 };
    const stored = { sentAtMillis: [sentAtMillis, sentAtMillis + 1], retentionSeconds: 345_600 };
    const run = runRecord({ seconds: 90.5, rejections, limit: "queue", stored });
    await recordRun(database, home, place, run);
    const [row] = await sql`
      select *, rejections::text as rejections, extract(epoch from ended_at - started_at)::float8 as seconds,
        ended_at > now() - interval '1 minute' as fresh,
        stored_sent_at = '{2026-11-22T03:04:05.678Z,2026-11-22T03:04:05.679Z}'::timestamptz[] as is_exact
      from etl_run`;
    expect(row).toMatchObject({
      ...{ queue_id: queueId, run_id: run.runId, table_name: "public.user_logins", outcome: "drained" },
      ...{ seconds: 90.5, fresh: true, limited_by: "queue", version: "0.1.0", forgotten_at: null },
      ...{ retention_seconds: 345_600, is_exact: true },
      ...{ received: "21", inserted: "10", inserted_before: "0", duplicates: "3", rejected: "3" },
      ...{ released: "4", unsettled: "1", deleted: "13", requests: "17" },
    });
    expect(JSON.parse(row?.rejections)).toEqual(rejections);
  });

  test("one that is recorded again has its last numbers in one row, and an earlier day's stay that day's", async () => {
    const run = runRecord({ outcome: "running", inserted: 10, seconds: 10 });
    await recordRun(database, home, place, run);
    const [first] = await sql`select started_at from etl_run`;
    await recordRun(database, home, place, { ...run, outcome: "drained", inserted: 40, seconds: 70 });
    const rows = () =>
      sql`select started_at, outcome, inserted::int, inserted_before::int as before, limited_by from etl_run`;
    const last = { started_at: first?.started_at, outcome: "drained", limited_by: null };
    expect([...(await rows())]).toEqual([{ ...last, inserted: 40, before: 0 }]);
    await sql`update etl_run set ended_at = ended_at - interval '1 day'`;
    await recordRun(database, home, place, { ...run, outcome: "drained", inserted: 45 });
    await recordRun(database, home, place, { ...run, outcome: "drained", inserted: 52 });
    expect([...(await rows())]).toEqual([{ ...last, inserted: 52, before: 40 }]);
  });
});

describe("rejections", () => {
  const rows = () =>
    sql`select message_id, reason, path, column_name, constraint_name, times, first_at < last_at as again,
          to_char(sent_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as sent_at
        from etl_rejection order by message_id`;

  test("a message has one row, with its latest reason and how often it was rejected", async () => {
    await recordRejections(database, home, queueId, [rejection(1), rejection(2), rejection(2)]);
    const refused = { reason: "sqlstate_23514", path: "", column: "user_id", constraint: "no_bots" } as const;
    await recordRejections(database, home, queueId, [rejection(1, refused)]);
    const sent_at = "2026-11-22 03:04:05.678000";
    expect([...(await rows())]).toEqual([
      {
        ...{ message_id: "message-1", reason: "sqlstate_23514", path: "", column_name: "user_id", sent_at },
        ...{ constraint_name: "no_bots", times: 2, again: true },
      },
      {
        ...{ message_id: "message-2", reason: "field_missing", path: "ip", column_name: null, sent_at },
        ...{ constraint_name: null, times: 2, again: false },
      },
    ]);
  });

  test("none is no statement", async () => {
    const closed = openUrl(testDatabase.url);
    closed.close();
    await recordRejections(closed, home, queueId, []);
  });

  test("two that record the same messages, the other way round, do not deadlock", async () => {
    const entries = Array.from({ length: 300 }, (_, number) => rejection(number));
    const [first, second] = [openUrl(testDatabase.url), openUrl(testDatabase.url)];
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([
        recordRejections(first, home, queueId, entries),
        recordRejections(second, home, queueId, entries.toReversed()),
      ]);
    }
    const [counted] = await sql`select count(*)::int as messages, min(times) as least from etl_rejection`;
    expect(counted).toEqual({ messages: 300, least: 40 });
    first.close();
    second.close();
  });
});

describe("where they cannot be recorded", () => {
  test("a missing table, or permission, is an error that does not pass", async () => {
    await withRole(testDatabase, usage, async ({ role, asRole }) => {
      const records = [
        () => recordRun(asRole, home, place, runRecord()),
        () => recordRejections(asRole, home, queueId, [rejection(1)]),
      ];
      for (const record of records) {
        expect(await failureOf(record())).toMatchObject({
          ...{ kind: "permission", code: "42501", retryable: false, hint: recordGrants(home, role) },
        });
      }
      await sql.unsafe(recordGrants(home, role));
      for (const record of records) await record();
      await pruneRecords(asRole, home, { queueId, keepSeconds: 0 });
    });
    await sql.unsafe("drop table etl_run, etl_rejection");
    expect(await failureOf(recordRun(database, home, place, runRecord()))).toMatchObject({
      ...{ kind: "config", retryable: false, hint: "etl migrate" },
    });
  });
});

describe("pruning", () => {
  test("keeps the last thousand runs of a queue, and every other queue's", async () => {
    await sql`
      insert into etl_run
      select queue, gen_random_uuid(), 't', now(), now() - number * interval '1 minute', 'drained',
        number, 0, 0, 0, 0, 0, 0, 0, 0, '{}', null, '0'
      from unnest(array[${queueId}::int, ${queueId + 1}::int]) as queue, generate_series(1, 1003) as number`;
    await pruneRecords(database, home, { queueId, keepSeconds: 60 });
    const kept = await sql`
      select queue_id - ${queueId} as queue, count(*)::int as runs, max(received)::int as oldest
      from etl_run group by 1 order by 1`;
    expect([...kept]).toEqual([
      { queue: 0, runs: 1000, oldest: 1000 },
      { queue: 1, runs: 1003, oldest: 1003 },
    ]);
  });

  test("lets go of a rejection when the ledger forgets its message, in steps", async () => {
    const addRejections = (queue: number, age: string, count: number) => sql`
      insert into etl_rejection
      select now() - ${age}::interval, gen_random_uuid(), ${queue}, 'm', 'r', '', null, null, 1, now(), now()
      from generate_series(1, ${count})`;
    await addRejections(queueId, "9 days", 12_000);
    await addRejections(queueId, "4 days", 3);
    await addRejections(queueId + 1, "9 days", 2);
    await pruneRecords(database, home, { queueId, keepSeconds: 5 * 86_400 });
    const kept = await sql`
      select queue_id - ${queueId} as queue, count(*)::int as messages from etl_rejection group by 1 order by 1`;
    expect([...kept]).toEqual([
      { queue: 0, messages: 3 },
      { queue: 1, messages: 2 },
    ]);
  });

  test("is no matter where there are no records", async () => {
    await sql.unsafe("drop table etl_run, etl_rejection");
    await pruneRecords(database, home, { queueId, keepSeconds: 60 });
  });
});
