import { beforeEach, describe, expect, test } from "bun:test";
import { userLogins } from "../../../src/message/mapping.ts";
import { keepSecondsOf, registerQueue } from "../../../src/postgres/ledger.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { pruneLedger, pruneRecords } from "../../../src/postgres/prune.ts";
import { recordRun } from "../../../src/postgres/records.ts";
import { failureOf, loginQueue, openLoginLoader } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { loginMessages } from "../../support/postgres-messages.ts";
import { runRecord } from "../../support/postgres-records.ts";

const { testDatabase, database } = await migratedDatabase();
const { sql } = testDatabase;

const home = { schema: "public", sqlName: "public.user_logins" };
const { arn, retentionSeconds } = loginQueue;
const register = () => registerQueue(database, home, loginQueue, home);

describe("a ledger that swallows entries", () => {
  const swallow = (condition: string) =>
    sql.unsafe(`create function swallow() returns trigger language plpgsql as $$
        begin if ${condition} then return null; end if; return new; end $$;
      create trigger swallow before insert on etl_ledger for each row execute function swallow()`);

  test.each([
    ["every one", "true"],
    ["one of many", "new.message_id::text like '%3'"],
  ])("%s ends the load: no message may be taken for stored whose row is not there", async (_, condition) => {
    await swallow(condition);
    const loader = await openLoginLoader(database);
    expect(await failureOf(loader.load(loginMessages(10)))).toMatchObject({
      kind: "config",
      message: expect.stringContaining("swallows entries"),
    });
    const [rows] = await sql`select count(*)::int as count from user_logins`;
    expect(rows?.count).toBe(0);
  });

  test("is none where the entries are there already", async () => {
    const loader = await openLoginLoader(database);
    await loader.load(loginMessages(10));
    await swallow("true");
    expect(await loader.load(loginMessages(10))).toMatchObject({ inserted: 0, duplicates: 10 });
  });
});

describe("before the first receive", () => {
  test.each([
    ["without its key", "drop constraint etl_ledger_pkey", "has not its key"],
    ["that a crash would empty", "set unlogged", "is unlogged"],
  ])("a ledger %s is refused, and the hint mends it", async (_, change, message) => {
    await sql.unsafe(`alter table etl_ledger ${change}`);
    const failure = await failureOf(register());
    expect(failure).toMatchObject({ kind: "config", message: expect.stringContaining(message) });
    await sql.unsafe(failure.hint ?? "");
    await register();
  });
});

describe("while a drain runs", () => {
  test.each([
    ["loses its key", "drop constraint etl_ledger_pkey"],
    [
      "gets a key that is checked late",
      "drop constraint etl_ledger_pkey, add primary key (sent_at, message_id, queue_id) deferrable",
    ],
    ["gets a key of other columns", "drop constraint etl_ledger_pkey, add primary key (sent_at, message_id)"],
  ])("a ledger that %s ends the load before it doubles a row, and the hint mends it", async (_, change) => {
    const { loader } = await openLoginLoader(database);
    await loader.load(loginMessages(5));
    await sql.unsafe(`alter table etl_ledger ${change}`);
    const failure = await failureOf(loader.load(loginMessages(10)));
    expect(failure).toMatchObject({ kind: "config", exitCode: 78, retryable: false, code: "ledger_key" });
    expect((await sql`select from user_logins`).length).toBe(5);
    await sql.unsafe(failure.hint ?? "");
    const fates = await loader.load(loginMessages(10));
    expect(fates.map(({ kind }) => kind)).toEqual([
      ...Array(5).fill("duplicate"),
      ...Array(5).fill("stored"),
    ]);
  });
});

test("a list of queues without its key registers none, and the hint mends it", async () => {
  await sql`drop index etl_queue_arn_table_name`;
  const failure = await failureOf(register());
  expect(failure).toMatchObject({ kind: "config", code: "queue_key" });
  await sql.unsafe(failure.hint ?? "");
  expect(await register()).toBe(await register());
});

describe("a ledger that forgot", () => {
  let queueId: number;
  let loader: Awaited<ReturnType<typeof openLoginLoader>>;
  const record = (changes = {}, queue = queueId) =>
    recordRun(database, home, { queueId: queue, table: home.sqlName }, runRecord(changes));
  const prune = () => pruneLedger(database, home, { queueId, keepSeconds: keepSecondsOf(retentionSeconds) });
  const hoursAgo = (hours: number) => Date.now() - hours * 3_600_000;

  beforeEach(async () => {
    queueId = await register();
    loader = await openLoginLoader(database, arn);
  });

  const stored = (...sentAtMillis: number[]) => ({ stored: { sentAtMillis, retentionSeconds } });

  /** Loads a message that was sent at each time, and records the run. */
  async function store(times: readonly number[], changes = {}) {
    const messages = loginMessages(times.length).map(({ ref, rows }, index) => ({
      ref: { ...ref, messageId: crypto.randomUUID(), sentAtMillis: times[index] as number },
      rows,
    }));
    await loader.load(messages);
    await record({ ...stored(...times), ...changes });
  }

  test.each<[what: string, lose: () => Promise<unknown>]>([
    ["was emptied", () => sql`truncate etl_ledger`],
    ["lost its entries of the queue", () => sql`update etl_ledger set queue_id = 99`],
    ["was made anew", () => sql`drop table etl_ledger`],
    ["was made anew with its list of queues", () => sql`drop table etl_ledger, etl_queue`],
    ["lost its older half", () => sql`delete from etl_ledger where sent_at < now() - interval '1 day'`],
    [
      "was restored to an older state",
      () => sql`delete from etl_ledger where sent_at > now() - interval '1 day'`,
    ],
    [
      "lost what another run stored",
      async () => {
        const other = hoursAgo(4);
        await store([other]);
        await sql`delete from etl_ledger where sent_at = ${new Date(other)}`;
      },
    ],
  ])(
    "because it %s is told of before anything is loaded, and the hint lets a person go on",
    async (_, lose) => {
      const run = { runId: crypto.randomUUID(), ...stored(hoursAgo(50), hoursAgo(30), hoursAgo(2)) };
      await store(run.stored.sentAtMillis, run);
      await register();
      await lose();
      await migrate(database, userLogins, "user_logins");
      const failure = await failureOf(register());
      expect(failure).toMatchObject({
        kind: "config",
        code: "ledger_forgot",
        exitCode: 78,
        retryable: false,
      });
      expect(failure.message).toContain("public.etl_ledger has lost entries of this queue");
      // Neither a pruning nor a thousand idle runs absolve it.
      await prune();
      await sql`
      insert into etl_run select ${queueId}, gen_random_uuid(), 't', now(), now(), 'drained', 0, 0, 0, 0, 0, 0, 0, 0, 0,
        '{}', null, '0' from generate_series(1, 1100)`;
      await pruneRecords(database, home, { queueId, keepSeconds: keepSecondsOf(retentionSeconds) });
      expect(await failureOf(register())).toMatchObject({ code: "ledger_forgot" });
      await sql.unsafe(failure.hint ?? "");
      await register();
      // Nor does a run that goes on take back what a person accepted.
      await record(run);
      await register();
    },
  );

  const retentionHours = retentionSeconds / 3_600;
  test.each<[what: string, before: () => Promise<unknown>]>([
    ["nothing has run yet", async () => {}],
    ["a run stored nothing", () => record()],
    ["another queue stored something", () => record(stored(hoursAgo(1)), queueId + 1)],
    [
      "an earlier etl recorded the runs",
      async () => {
        await record();
        await sql`update etl_run set stored_sent_at = null, retention_seconds = null`;
      },
    ],
    ["runs are not recorded", () => sql`drop table etl_run`],
    [
      "what was stored is too old to come again",
      async () => {
        await store([hoursAgo(retentionHours)]);
        await sql`delete from etl_ledger`;
      },
    ],
    [
      "the target table alone was emptied",
      async () => {
        await store([hoursAgo(1)]);
        await sql`truncate user_logins`;
      },
    ],
    [
      "pruning took what is a day older than the queue keeps it",
      async () => {
        await store([hoursAgo(retentionHours + 24), hoursAgo(retentionHours + 23), hoursAgo(1)]);
        expect(await prune()).toBe(1);
      },
    ],
  ])("is none if %s", async (_, before) => {
    await before();
    await register();
  });

  test("is none if the queue keeps its messages for longer than when the ledger was pruned", async () => {
    await store([hoursAgo(retentionHours + 24)]);
    expect(await prune()).toBe(1);
    await registerQueue(database, home, { arn, retentionSeconds: 14 * 86_400 }, home);
  });
});
