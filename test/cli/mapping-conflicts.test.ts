import { beforeEach, describe, expect, test } from "bun:test";
import { drainJson } from "../support/json-drain.ts";
import { column, type JobEnv, makeTable, writeJob } from "../support/mapped-job.ts";
import { fileWorld } from "../support/world.ts";

const settings = (conflict: string) => `
[table]
name = "orders"
${conflict}

${[
  column("id", 'from = "id"', 'type = "bigint"', "required = true"),
  column("changed_at", 'from = "changed"', 'type = "timestamptz"', "required = true"),
  column("state", 'from = "state"'),
].join("\n")}`;

const update = 'conflict = "update"\nkey = ["id"]\nnewest_by = "changed_at"';
const ignore = 'conflict = "ignore"\nkey = ["id"]';

let queueUrl: string;
const world = await fileWorld("never");
beforeEach(async () => {
  queueUrl = await world.newQueue();
});

async function open(conflict: string): Promise<JobEnv> {
  const job = writeJob(world, settings(conflict));
  await makeTable(world, job);
  return job;
}

/** An order as it was at a second of a day. */
const order = (id: number, second: number, state: string) =>
  JSON.stringify({ id, changed: `2026-05-01T00:00:${String(second).padStart(2, "0")}Z`, state });

async function states(): Promise<string[]> {
  const rows = await world.database.sql`select id || ' ' || state as line from orders order by id, state`;
  return rows.map(({ line }) => line as string);
}

/** Sends, drains, and gives what the receipt counts. */
async function drained(job: JobEnv, bodies: readonly string[], args: readonly string[] = []) {
  const ids = await world.server.send(queueUrl, bodies);
  const { exitCode, receipt, lines } = await drainJson(world, queueUrl, args, job);
  const { inserted, duplicates, rejected, deleted } = receipt;
  return { ids, exitCode, lines, counts: { inserted, duplicates, rejected, deleted } };
}

/** Hands out what was deleted once more, under its own id and time. */
async function redeliver(id: string, body: string): Promise<void> {
  const [entry] = await world.database.sql`
    select (extract(epoch from sent_at) * 1000)::bigint::text as sent_at from etl_ledger where message_id = ${id}::uuid`;
  world.server.redeliver(queueUrl, { messageId: id, sentAtMillis: Number(entry?.sent_at), body });
}

describe('conflict = "update"', () => {
  test("keeps the newest within a batch and against the table, whatever comes when", async () => {
    const job = await open(update);
    const first = await drained(job, [
      order(1, 20, "b"),
      order(1, 30, "c"),
      order(1, 10, "a"),
      order(2, 10, "a"),
    ]);
    expect(first).toMatchObject({ exitCode: 0, counts: { inserted: 2, duplicates: 2, deleted: 4 } });
    expect(await states()).toEqual(["1 c", "2 a"]);
    const older = await drained(job, [order(1, 25, "late"), order(2, 11, "b")]);
    expect(older.counts).toMatchObject({ inserted: 1, duplicates: 1, deleted: 2 });
    expect(await states()).toEqual(["1 c", "2 b"]);
    // Stored, replaced, and delivered once more.
    await redeliver(first.ids[3] as string, order(2, 10, "a"));
    expect((await drained(job, [])).counts).toMatchObject({ inserted: 0, duplicates: 1, deleted: 1 });
    expect(await states()).toEqual(["1 c", "2 b"]);
    const equal = await drained(job, [order(2, 11, "b again")]);
    expect(equal.counts).toMatchObject({ inserted: 1, duplicates: 0 });
    expect(await states()).toEqual(["1 c", "2 b again"]);
  });
});

describe('conflict = "ignore"', () => {
  test("keeps the row that is there, and counts what is left out as duplicates", async () => {
    const job = await open(ignore);
    expect((await drained(job, [order(1, 10, "a"), order(2, 10, "a")])).counts).toMatchObject({
      inserted: 2,
    });
    const again = await drained(job, [order(1, 30, "c"), order(3, 10, "a")]);
    expect(again).toMatchObject({ exitCode: 0, counts: { inserted: 1, duplicates: 1, deleted: 2 } });
    expect(await states()).toEqual(["1 a", "2 a", "3 a"]);
  });

  test("rows that are left out tell of a table that takes rows, as stored ones do", async () => {
    const job = await open(ignore);
    await world.database.sql`alter table orders add constraint known check (state <> 'bad')`;
    await drained(job, [order(1, 10, "a")]);
    // Batch by batch, one that is there already among nine that are refused.
    const bodies = Array.from({ length: 200 }, (_, index) =>
      order(index % 10 ? index : 1, 20, index % 10 ? "bad" : "x"),
    );
    const run = await drained(job, bodies, ["--batch-size", "10"]);
    const counts = { inserted: 0, duplicates: 20, rejected: 180, deleted: 20 };
    expect(run).toMatchObject({ exitCode: 65, counts });
    expect(await states()).toEqual(["1 a"]);
  });
});

test("without a conflict, a second row of a key is a rejection that names the index", async () => {
  const job = await open('conflict = "reject"');
  await world.database.sql`alter table orders add constraint one_row_each unique (id)`;
  const run = await drained(job, [order(1, 10, "a"), order(1, 20, "b"), order(2, 10, "a")]);
  expect(run).toMatchObject({ exitCode: 65, counts: { inserted: 2, rejected: 1, deleted: 2 } });
  expect(run.lines.find(({ rejection }) => rejection)?.rejection).toMatchObject({
    reason: "sqlstate_23505",
    constraint: "one_row_each",
  });
});
