import { beforeEach, describe, expect, test } from "bun:test";
import { userLogins } from "../../../src/message/mapping.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
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

describe("a ledger that forgot", () => {
  let queueId: number;
  const record = (changes = {}, queue = queueId) =>
    recordRun(database, home, { queueId: queue, table: home.sqlName }, runRecord(changes));
  const load = async (from = 1) => (await openLoginLoader(database, arn)).load(loginMessages(5, from));
  const age = (interval: string) =>
    sql.unsafe(`update etl_run set started_at = started_at - interval '${interval}', ended_at = ended_at - interval '${interval}';
      update etl_ledger set sent_at = sent_at - interval '${interval}'`);
  const prune = () => pruneLedger(database, home, { queueId, keepSeconds: retentionSeconds + 86_400 });

  beforeEach(async () => {
    queueId = await register();
    await sql`truncate etl_run`;
  });

  async function storeRows() {
    await load();
    await sql`update etl_ledger set sent_at = now()`;
    await record({ inserted: 5 });
    await register();
  }

  test.each<[what: string, lose: string]>([
    ["was emptied", "truncate etl_ledger"],
    [
      "lost its entries of the queue",
      "delete from etl_ledger; insert into etl_ledger values (now(), gen_random_uuid(), 99)",
    ],
    ["was made anew", "drop table etl_ledger"],
    ["was made anew with its list of queues", "drop table etl_ledger, etl_queue"],
  ])(
    "because it %s is told of before anything is loaded, and the hint lets a person go on",
    async (_, lose) => {
      await storeRows();
      await age("3 days");
      await sql.unsafe(lose);
      await migrate(database, userLogins, "user_logins");
      const failure = await failureOf(register());
      expect(failure).toMatchObject({
        kind: "config",
        code: "ledger_forgot",
        exitCode: 78,
        retryable: false,
      });
      expect(failure.message).toContain("public.etl_ledger holds nothing of this queue");
      // What forgot once is not absolved by a pruning that has nothing to do.
      await prune();
      expect(await failureOf(register())).toMatchObject({ code: "ledger_forgot" });
      await sql.unsafe(failure.hint ?? "");
      await register();
    },
  );

  test.each<[what: string, before: () => Promise<unknown>]>([
    ["nothing has run yet", async () => {}],
    ["a run stored nothing", () => record({ inserted: 0 })],
    ["another queue stored something", () => record({}, queueId + 1)],
    ["runs are not recorded", () => sql`drop table etl_run`],
    [
      "what was stored is too old to come again",
      async () => {
        await storeRows();
        await age("6 days");
        await sql`delete from etl_ledger`;
      },
    ],
    [
      "the target table alone was emptied",
      async () => {
        await storeRows();
        await sql`truncate user_logins`;
      },
    ],
    [
      "pruning took the last entry, of messages that were old when they were stored",
      async () => {
        await storeRows();
        await sql`update etl_ledger set sent_at = now() - interval '6 days'`;
        expect(await prune()).toBe(5);
        await pruneRecords(database, home, { queueId, keepSeconds: retentionSeconds });
      },
    ],
  ])("is none if %s", async (_, before) => {
    await before();
    await register();
  });

  test("is told of again if the run that was pruned went on, and a thousand idle runs came after it", async () => {
    const run = { runId: crypto.randomUUID(), outcome: "running", inserted: 5 };
    await load();
    await sql`update etl_ledger set sent_at = now() - interval '6 days'`;
    await record(run);
    await prune();
    await record(run);
    await register();
    await record({ ...run, inserted: 7 });
    await sql`
      insert into etl_run select ${queueId}, gen_random_uuid(), 't', now(), now(), 'drained', 0, 0, 0, 0, 0, 0, 0, 0, 0,
        '{}', null, '0' from generate_series(1, 1100)`;
    await pruneRecords(database, home, { queueId, keepSeconds: retentionSeconds });
    expect(await failureOf(register())).toMatchObject({ code: "ledger_forgot" });
  });
});
