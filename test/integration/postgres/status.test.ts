import { beforeEach, describe, expect, test } from "bun:test";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { recordRejections, recordRun } from "../../../src/postgres/records.ts";
import { listRejections, lookUpMessages, readLastRun, readStatus } from "../../../src/postgres/status.ts";
import { failureOf, loginQueue, openLoginLoader } from "../../support/postgres-database.ts";
import { migratedDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { loginMessages } from "../../support/postgres-messages.ts";
import { runRecord } from "../../support/postgres-records.ts";

const table = "public.user_logins";
const home = { schema: "public", sqlName: table };
const { arn } = loginQueue;
const otherArn = "arn:aws:sqs:eu-west-1:000000000000:other-queue";
const { testDatabase, database } = await migratedDatabase();
const { sql } = testDatabase;
let queueId: number;
let otherQueueId: number;

beforeEach(async () => {
  queueId = await registerQueue(database, home, loginQueue, home);
  otherQueueId = await registerQueue(database, home, { ...loginQueue, arn: otherArn }, home);
});

const messages = loginMessages(3).map(({ ref }) => ref);
const rejectAll = (reason: "field_missing" | "text_nul" = "field_missing") =>
  recordRejections(
    database,
    home,
    queueId,
    messages.map(({ messageId, sentAtMillis }) => ({ messageId, sentAtMillis, reason, path: "ip" })),
  );

describe("the status", () => {
  test("of a table that nothing was drained into", async () => {
    expect(await readStatus(database, home, { queue: arn, table, runs: 5 })).toEqual({
      ledger: { entries: 0, bytes: expect.any(Number) },
      records: { rowsToday: 0, runs: [], rejections: [] },
    });
  });

  test.each([
    ["its ARN", arn],
    ["its name", "login-queue"],
  ])("knows a queue's runs by %s, the last first", async (_, queue) => {
    const runs = [runRecord(), runRecord({ outcome: "failed", limit: "cpu" }), runRecord()];
    for (const run of runs) await recordRun(database, home, { queueId, table }, run);
    await recordRun(database, home, { queueId: otherQueueId, table }, runRecord({ inserted: 7 }));
    const { records } = await readStatus(database, home, { queue, table, runs: 2 });
    expect(records?.runs).toMatchObject([runs[2], runs[1]] as object[]);
    const [last] = records?.runs ?? [];
    expect((last?.endedAt.getTime() ?? 0) - (last?.startedAt.getTime() ?? 0)).toBe(12_000);
    const otherTable = { schema: "public", sqlName: "public.other" };
    const ofOther = await registerQueue(database, home, loginQueue, otherTable);
    await recordRun(database, home, { queueId: ofOther, table: otherTable.sqlName }, runRecord());
    const other = await readStatus(database, home, { queue, table: otherTable.sqlName, runs: 2 });
    expect(other.records).toMatchObject({ rowsToday: 10, runs: [{ inserted: 10 }] });
    // Of the table, whatever queue its rows came from.
    expect(records?.rowsToday).toBe(37);
  });

  test("counts the rows of today, and of a run that goes on for days only today's", async () => {
    const run = runRecord({ outcome: "running", inserted: 100 });
    await recordRun(database, home, { queueId, table }, run);
    await recordRun(database, home, { queueId, table }, runRecord({ inserted: 1000 }));
    await sql`update etl_run set ended_at = ended_at - interval '1 day'`;
    await recordRun(database, home, { queueId, table }, { ...run, inserted: 130 });
    const { records } = await readStatus(database, home, { queue: arn, table, runs: 5 });
    expect(records?.rowsToday).toBe(30);
  });

  test("calls a run gone that was running and has not been heard of", async () => {
    await recordRun(database, home, { queueId, table }, runRecord({ outcome: "running" }));
    const outcome = async () =>
      (await readStatus(database, home, { queue: arn, table, runs: 5 })).records?.runs[0]?.outcome;
    expect(await outcome()).toBe("running");
    await sql`update etl_run set ended_at = ended_at - interval '4 minutes'`;
    expect(await outcome()).toBe("gone");
  });

  test("has the last run that ended with rows, whatever ran without messages or still runs", async () => {
    const last = () => readLastRun(database, home, { queue: arn, table }, AbortSignal.timeout(10_000));
    expect(await last()).toBeUndefined();
    const counts = { mapped: 9, absent: { nick: 9 }, unmapped: { nickname: 4 } };
    const runs = [
      runRecord({ mapped: 1 }),
      runRecord({ ...counts, outcome: "failed" }),
      runRecord(),
      runRecord({ mapped: 5, outcome: "running" }),
    ];
    for (const run of runs) await recordRun(database, home, { queueId, table }, run);
    await recordRun(database, home, { queueId: otherQueueId, table }, runRecord({ mapped: 7 }));
    expect(await last()).toMatchObject({ ...counts, runId: runs[1]?.runId as string });
    await withRole(testDatabase, usage, async ({ asRole }) => {
      expect(
        await readLastRun(asRole, home, { queue: arn, table }, AbortSignal.timeout(10_000)),
      ).toBeUndefined();
    });
  });

  test("counts rejected messages by reason, and those that were loaded since", async () => {
    await rejectAll();
    await recordRejections(database, home, queueId, [
      { messageId: "other", sentAtMillis: 1, reason: "text_nul", path: "" },
    ]);
    const loader = await openLoginLoader(database, arn);
    await loader.load(loginMessages(2));
    expect((await readStatus(database, home, { queue: arn, table, runs: 1 })).records?.rejections).toEqual([
      { reason: "field_missing", messages: 3, loadedSince: 2 },
      { reason: "text_nul", messages: 1, loadedSince: 0 },
    ]);
    expect(
      (await readStatus(database, home, { queue: otherArn, table, runs: 1 })).records?.rejections,
    ).toEqual([]);
  });

  test("estimates a large ledger, and counts a small one", async () => {
    await sql`
      insert into etl_ledger
      select now(), gen_random_uuid(), 1 from generate_series(1, 1000)`;
    expect((await readStatus(database, home, { queue: arn, table, runs: 1 })).ledger?.entries).toBe(1000);
    await sql`insert into etl_ledger select now(), gen_random_uuid(), 1 from generate_series(1, 400000)`;
    await sql`analyze etl_ledger`;
    await sql`delete from etl_ledger where ctid in (select ctid from etl_ledger limit 50)`;
    const ledger = (await readStatus(database, home, { queue: arn, table, runs: 1 })).ledger;
    expect(ledger?.entries).toBeGreaterThan(400_950);
    expect(ledger?.bytes).toBeGreaterThan(20_000_000);
  }, 30_000);

  test("says what it can without the records, and without the ledger", async () => {
    await sql.unsafe("drop table etl_rejection");
    expect(await readStatus(database, home, { queue: arn, table, runs: 5 })).toEqual({
      ledger: { entries: 0, bytes: expect.any(Number) },
    });
    await sql.unsafe("drop table etl_ledger");
    expect(await readStatus(database, home, { queue: arn, table, runs: 5 })).toEqual({});
  });

  test("is read by a user who may not write, and whatever the session's habits are", async () => {
    const grants = (role: string) => `${usage(role)} grant select on all tables in schema public to ${role};
      alter role ${role} set datestyle = 'German'; alter role ${role} set timezone = 'Asia/Kolkata'`;
    await recordRun(database, home, { queueId, table }, runRecord());
    await withRole(testDatabase, grants, async ({ asRole }) => {
      const question = { queue: arn, table, runs: 5 };
      expect(await readStatus(asRole, home, question)).toEqual(await readStatus(database, home, question));
    });
  });
});

describe("the list of rejections", () => {
  test("has the last ones first, and says which were loaded since", async () => {
    await rejectAll();
    const [first, second, third] = messages;
    await recordRejections(database, home, queueId, [
      {
        ...{ messageId: first?.messageId ?? "", sentAtMillis: first?.sentAtMillis ?? 0 },
        ...{ reason: "sqlstate_23514", path: "", column: "user_id", constraint: "no_bots" },
      },
    ]);
    await (await openLoginLoader(database, arn)).load(loginMessages(1, 2));
    const listed = await listRejections(database, home, { queue: "login-queue", table, limit: 10 });
    expect(listed[0]).toMatchObject({
      ...{ messageId: first?.messageId, reason: "sqlstate_23514", column: "user_id", constraint: "no_bots" },
      ...{ times: 2, loaded: false, sentAt: new Date(first?.sentAtMillis ?? 0) },
    });
    expect(new Map(listed.map(({ messageId, loaded }) => [messageId, loaded]))).toEqual(
      new Map([
        [first?.messageId ?? "", false],
        [second?.messageId ?? "", true],
        [third?.messageId ?? "", false],
      ]),
    );
    expect(await listRejections(database, home, { queue: arn, table, limit: 1 })).toEqual(listed.slice(0, 1));
    const missing = await listRejections(database, home, {
      queue: arn,
      table,
      limit: 10,
      reason: "field_missing",
    });
    expect(missing).toHaveLength(2);
    expect(await listRejections(database, home, { queue: "other-queue", table, limit: 10 })).toEqual([]);
  });

  test("says how to begin where rejections are not recorded", async () => {
    await sql.unsafe("drop table etl_rejection");
    expect(await failureOf(listRejections(database, home, { queue: arn, table, limit: 10 }))).toMatchObject({
      ...{ kind: "config", hint: "etl migrate --table public.user_logins, then drain" },
    });
  });
});

describe("a look at messages before they are sent again", () => {
  test("knows what is stored and what was rejected, message by message, of that queue alone", async () => {
    await rejectAll("text_nul");
    await (await openLoginLoader(database, arn)).load(loginMessages(1, 2));
    const [first, second] = messages as [(typeof messages)[0], (typeof messages)[0]];
    const asked = [
      first,
      second,
      { messageId: "no uuid", sentAtMillis: 12 },
      { ...second, sentAtMillis: 12 },
    ];
    expect(await lookUpMessages(database, home, { queue: arn, table }, asked)).toEqual([
      { stored: false, reason: "text_nul" },
      { stored: true, reason: "text_nul" },
      { stored: false },
      { stored: false },
    ]);
    expect(await lookUpMessages(database, home, { queue: otherArn, table }, [second])).toEqual([
      { stored: false },
    ]);
    await sql.unsafe("drop table etl_rejection");
    expect(await lookUpMessages(database, home, { queue: arn, table }, [second])).toEqual([{ stored: true }]);
    expect(await lookUpMessages(database, home, { queue: arn, table }, [])).toEqual([]);
  });
});
