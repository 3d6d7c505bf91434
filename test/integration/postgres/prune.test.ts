import { beforeEach, describe, expect, test } from "bun:test";
import type { MappedMessage } from "../../../src/message/message.ts";
import { type Database, openDatabase } from "../../../src/postgres/connect.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { pruneLedger } from "../../../src/postgres/prune.ts";
import { sharedServer, superuser } from "../../support/postgres.ts";
import {
  failureOf,
  loginQueue,
  openLoginLoader,
  openUrl,
  settingsOf,
} from "../../support/postgres-database.ts";
import { migratedDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { loginMessages } from "../../support/postgres-messages.ts";
import { startTransactionPooler } from "../../support/transaction-pooler.ts";

const table = { schema: "public", sqlName: "public.user_logins" };
const keepSeconds = 5 * 86_400;
const { testDatabase, database } = await migratedDatabase();
let queueId: number;

beforeEach(async () => {
  queueId = await registerQueue(database, table, loginQueue, table);
});

/** Entries a millisecond apart, the first of them so old. */
async function addEntries(count: number, age: string, queue = queueId): Promise<void> {
  await testDatabase.sql`
    insert into etl_ledger (sent_at, message_id, queue_id)
    select now() - ${age}::interval + number * interval '1 ms', gen_random_uuid(), ${queue}
    from generate_series(1, ${count}) as number`;
}

async function entries(): Promise<Record<number, number>> {
  const rows = await testDatabase.sql`select queue_id, count(*)::int as count from etl_ledger group by 1`;
  return Object.fromEntries(rows.map(({ queue_id, count }) => [queue_id, count]));
}

/** The database with something to do in each transaction, before and after its work. */
function around(
  inner: Database,
  { before, after }: Partial<Record<"before" | "after", (transaction: Transaction) => Promise<unknown>>>,
): Database {
  return {
    ...inner,
    transaction: (options, work) =>
      inner.transaction(options, async (transaction) => {
        await before?.(transaction);
        const result = await work(transaction);
        await after?.(transaction);
        return result;
      }),
  };
}

type Transaction = Parameters<Parameters<Database["transaction"]>[1]>[0];

describe("what goes and what stays", () => {
  test("nothing is in an empty ledger", async () => {
    expect(await pruneLedger(database, table, { queueId, keepSeconds })).toBe(0);
  });

  test("the cutoff is exact to the microsecond, by the database's clock", async () => {
    const atCutoff = around(database, {
      before: (transaction) =>
        transaction.run(`
          insert into etl_ledger (sent_at, message_id, queue_id)
          select now() - interval '${keepSeconds} s' + offset_micros * interval '1 us', gen_random_uuid(), ${queueId}
          from unnest(array[-1000, -1, 0, 1]) as offset_micros`),
    });
    expect(await pruneLedger(atCutoff, table, { queueId, keepSeconds })).toBe(2);
    expect(await entries()).toEqual({ [queueId]: 2 });
  });

  test("other queues' entries stay, also where they are in one millisecond with this one's", async () => {
    for (const queue of [queueId, queueId + 1, queueId - 1]) await addEntries(40, "9 days", queue);
    await testDatabase.sql`update etl_ledger set sent_at = date_trunc('hour', sent_at)`;
    await addEntries(7, "4 days");
    expect(await pruneLedger(database, table, { queueId, keepSeconds, stepEntries: 6 })).toBe(40);
    expect(await entries()).toEqual({ [queueId]: 7, [queueId + 1]: 40, [queueId - 1]: 40 });
  });

  test("no age is no reason to delete", async () => {
    await addEntries(3, "9 days");
    for (const age of [-1, Number.NaN]) {
      const failure = await failureOf(pruneLedger(database, table, { queueId, keepSeconds: age }));
      expect(failure.kind).toBe("internal");
    }
    expect(await entries()).toEqual({ [queueId]: 3 });
  });
});

describe("steps", () => {
  for (const [count, transactions] of [
    [23, 5],
    [25, 6],
  ] as const) {
    test(`${count} entries by fives are ${transactions} transactions`, async () => {
      await addEntries(count, "9 days");
      const left: number[] = [];
      const counting = around(database, {
        after: async (transaction) => {
          const [row] = await transaction.run("select count(*)::integer as count from etl_ledger");
          left.push(row?.count as number);
        },
      });
      expect(await pruneLedger(counting, table, { queueId, keepSeconds, stepEntries: 5 })).toBe(count);
      expect(left).toEqual(
        Array.from({ length: transactions }, (_, index) => Math.max(0, count - 5 * (index + 1))),
      );
    });
  }

  test("the signal ends it between two; what is deleted is the oldest, and stays deleted", async () => {
    await addEntries(23, "9 days");
    const oldest = await testDatabase.sql`select message_id from etl_ledger order by sent_at limit 10`;
    const stop = new AbortController();
    let steps = 0;
    const stopping: Database = {
      ...database,
      async transaction(options, work) {
        const result = await database.transaction(options, work);
        steps += 1;
        if (steps === 2) stop.abort(new Error("enough"));
        return result;
      },
    };
    const options = { queueId, keepSeconds, stepEntries: 5 };
    expect(await pruneLedger(stopping, table, options, stop.signal)).toBe(10);
    expect(await entries()).toEqual({ [queueId]: 13 });
    const ids = oldest.map(({ message_id }) => message_id as string);
    expect([
      ...(await testDatabase.sql`select 1 from etl_ledger where message_id in ${testDatabase.sql(ids)}`),
    ]).toEqual([]);
    expect(await pruneLedger(database, table, options, stop.signal)).toBe(0);
    expect(await pruneLedger(database, table, options)).toBe(13);
  });

  test("the signal ends one that waits for the database, and rolls it back", async () => {
    await addEntries(8, "9 days");
    const stop = new AbortController();
    const slow = around(database, {
      after: (transaction) => {
        setTimeout(() => stop.abort(new Error("enough")), 20);
        // Not for longer: the server only sees at its end that nobody waits for it any more.
        return transaction.run("select pg_sleep(0.3)");
      },
    });
    expect(await pruneLedger(slow, table, { queueId, keepSeconds }, stop.signal)).toBe(0);
    expect(await entries()).toEqual({ [queueId]: 8 });
  });

  test("read the key's range alone, in a ledger of 200,000 entries of which half are old", async () => {
    await addEntries(100_000, "9 days");
    await addEntries(100_000, "1 day");
    await testDatabase.sql`vacuum analyze etl_ledger`;
    const plans: string[] = [];
    const explaining: Database = {
      ...database,
      transaction: (options, work) =>
        database.transaction(options, (transaction) =>
          work({
            ...transaction,
            async run(text, parameters) {
              if (text.includes("etl_ledger")) {
                // The planner's own choice, without what the step sets to be sure of it.
                await transaction.run("savepoint asked; set local enable_seqscan = on");
                const plan = await transaction.run(`explain (costs off) ${text}`, parameters);
                await transaction.run("rollback to savepoint asked");
                plans.push(plan.map((line) => line["QUERY PLAN"]).join("\n"));
              }
              return transaction.run(text, parameters);
            },
          }),
        ),
    };
    expect(await pruneLedger(explaining, table, { queueId, keepSeconds })).toBe(100_000);
    expect(plans.length).toBe(2 * 21);
    for (const plan of plans) {
      expect(plan).toMatch(/Index (Only )?Scan (using|on) etl_ledger_pkey/);
      expect(plan).toMatch(/Index Cond: .*sent_at < .*ROW\(sent_at, message_id, queue_id\) > /);
      expect(plan).not.toMatch(/Seq Scan|Sort|Filter/);
    }
  }, 30_000);
});

describe("several at once", () => {
  test("a second pruner of the queue returns at once, one of another queue does not", async () => {
    await addEntries(8, "9 days");
    await addEntries(8, "9 days", queueId + 1);
    const second = openUrl(testDatabase.url);
    const seen: number[] = [];
    const meeting = around(database, {
      after: async () => {
        seen.push(await pruneLedger(second, table, { queueId, keepSeconds }));
        seen.push(await pruneLedger(second, table, { queueId: queueId + 1, keepSeconds }));
      },
    });
    expect(await pruneLedger(meeting, table, { queueId, keepSeconds })).toBe(8);
    expect(seen).toEqual([0, 8]);
    second.close();
  });

  /** Each loads every batch, so that every message is loaded twice at about the same time. */
  async function raceLoadsAndPruners(batches: readonly MappedMessage[][]) {
    const pair = [openUrl(testDatabase.url), openUrl(testDatabase.url)];
    const pruners = [openUrl(testDatabase.url), openUrl(testDatabase.url)];
    let loading = true;
    let inserted = 0;
    const loads = pair.map(async (each, index) => {
      const loader = await openLoginLoader(each);
      for (const batch of batches) {
        const shuffled = index === 0 ? batch : batch.toReversed();
        const result = await loader.load(shuffled);
        inserted += result.inserted;
      }
    });
    const prunings = pruners.map(async (each) => {
      let deleted = 0;
      while (loading) deleted += await pruneLedger(each, table, { queueId, keepSeconds, stepEntries: 50 });
      return deleted;
    });
    await Promise.all(loads).finally(() => {
      loading = false;
    });
    const deleted = (await Promise.all(prunings)).reduce((sum, each) => sum + each);
    for (const each of [...pair, ...pruners]) each.close();
    return { inserted, deleted };
  }

  const batchesSentAt = (sentAtMillis: number) =>
    Array.from({ length: 40 }, (_, round) =>
      loginMessages(50, round * 50).map(({ ref, rows }) => ({ rows, ref: { ...ref, sentAtMillis } })),
    );

  test("two pruners and two loading connections: no row twice, no young entry lost", async () => {
    await addEntries(20_000, "9 days");
    const { inserted, deleted } = await raceLoadsAndPruners(batchesSentAt(Date.now()));
    const rest = await pruneLedger(database, table, { queueId, keepSeconds });
    expect(deleted).toBeGreaterThan(0);
    expect(deleted + rest).toBe(20_000);
    expect(inserted).toBe(2_000);
    const [rows] = await testDatabase.sql`
      select count(*)::int as count, count(distinct user_id)::int as distinct from user_logins`;
    expect(rows).toEqual({ count: 2_000, distinct: 2_000 });
    expect(await entries()).toEqual({ [queueId]: 2_000 });
  }, 20_000);

  test("nor do they deadlock over entries that go as soon as they are stored", async () => {
    const { inserted } = await raceLoadsAndPruners(batchesSentAt(Date.now() - 9 * 86_400_000));
    expect(inserted).toBeGreaterThanOrEqual(2_000);
  }, 20_000);

  test("an entry that a person holds is left for another time, and not waited for", async () => {
    await addEntries(8, "9 days");
    await testDatabase.sql.begin(async (sql) => {
      await sql`select 1 from etl_ledger order by sent_at offset 3 limit 1 for update`;
      const failure = await failureOf(pruneLedger(database, table, { queueId, keepSeconds }));
      expect(failure).toMatchObject({ kind: "temporary", code: "55P03", retryable: true });
    });
    expect(await pruneLedger(database, table, { queueId, keepSeconds })).toBe(8);
  });
});

describe("where", () => {
  test("through a pooler that gives every step another session, each with habits of its own", async () => {
    const { name, sql } = testDatabase;
    await sql.unsafe(`
      alter database ${name} set datestyle = 'German'; alter database ${name} set timezone = 'Asia/Kolkata'`);
    await addEntries(23, "9 days");
    const { port, socketFolder } = await sharedServer();
    const pooler = await startTransactionPooler({
      socketPath: `${socketFolder}/.s.PGSQL.${port}`,
      user: superuser,
      database: name,
      sessions: 3,
    });
    const pooled = openDatabase({ ...settingsOf(testDatabase.url), port: pooler.port });
    expect(await pruneLedger(pooled, table, { queueId, keepSeconds, stepEntries: 5 })).toBe(23);
    expect(pooler.transactions.every((count) => count > 0)).toBe(true);
    pooled.close();
    await pooler.stop();
    await sql.unsafe(`alter database ${name} reset all`);
  });

  test("without the permission to delete, says what to grant, and that is all that is needed", async () => {
    await addEntries(8, "9 days");
    const grants = (role: string) =>
      `${usage(role)} grant select, insert on etl_ledger, etl_queue to ${role}`;
    await withRole(testDatabase, grants, async ({ role, asRole }) => {
      const failure = await failureOf(pruneLedger(asRole, table, { queueId, keepSeconds }));
      expect(failure).toMatchObject({ kind: "permission", code: "42501", retryable: false });
      expect(failure.hint).toContain(`delete on public.etl_ledger to ${role}`);
      expect(await entries()).toEqual({ [queueId]: 8 });
      await testDatabase.sql.unsafe(failure.hint ?? "");
      expect(await pruneLedger(asRole, table, { queueId, keepSeconds })).toBe(8);
    });
  });

  test("without a ledger, says how to make one", async () => {
    await testDatabase.sql.unsafe("drop table etl_ledger");
    const failure = await failureOf(pruneLedger(database, table, { queueId, keepSeconds }));
    expect(failure).toMatchObject({ kind: "config", hint: "etl migrate" });
  });
});
