import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runEtl, spawnEtl } from "../support/binary.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { serverPort } from "../support/postgres.ts";
import { startPostgresProxy } from "../support/postgres-proxy.ts";
import { loginEvent, openWorld, type World } from "../support/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => world.emptyTable());

const users = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => loginEvent({ user_id: `${prefix}-${index}` }));

async function untilRows(count: number): Promise<void> {
  for (;;) {
    const [found] = await world.database.sql`select count(*)::int as rows from user_logins`;
    if (found?.rows === count) return;
    await Bun.sleep(10);
  }
}

async function untilEmpty(queueUrl: string): Promise<void> {
  while (world.server.depth(queueUrl).visible + world.server.depth(queueUrl).inFlight > 0)
    await Bun.sleep(10);
}

describe("etl drain --follow", () => {
  test("takes what comes later, and ends with its receipt when it is told to", async () => {
    const queueUrl = await world.newQueue();
    await world.server.send(queueUrl, users("early", 20));
    const run = spawnEtl(["drain", "--follow", "--wait-seconds", "1", "--json"], {
      env: world.env(queueUrl),
      cwd: world.folder,
    });
    await untilRows(20);
    await world.server.send(queueUrl, users("late", 5));
    await untilRows(25);
    await untilEmpty(queueUrl);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ received: 25, inserted: 25, deleted: 25, outcome: "stopped" });
  });

  test("waits through an outage of the database, tells of it once, and goes on by itself", async () => {
    const upstream = await serverPort();
    const first = await startPostgresProxy(upstream);
    const through = new URL(world.database.url);
    through.port = String(first.port);
    const queueUrl = await world.newQueue();
    const env = world.env(queueUrl, { DATABASE_URL: through.href });
    const run = spawnEtl(["drain", "--follow", "--wait-seconds", "1", "--json"], { env, cwd: world.folder });
    await run.stderr.until(/draining/);
    await first.stop();
    await world.server.send(queueUrl, users("during", 10));
    await run.stderr.until(/(load|connect) fails and is tried again: the database/);
    const second = await startPostgresProxy(upstream, first.port);
    await untilRows(10);
    await untilEmpty(queueUrl);
    await run.stderr.until(/(load|connect) works again/);
    run.kill("SIGINT");
    const { exitCode, receipt, stderr } = readJson(await run.finished);
    await second.stop();
    expect(exitCode).toBe(130);
    expect(receipt).toMatchObject({ received: 10, unsettled: 0 });
    expect(stderr.match(/ fails and is tried again/g)?.length).toBe(1);
  });

  test("waits for a database that is not there yet", async () => {
    const upstream = await serverPort();
    const early = await startPostgresProxy(upstream);
    await early.stop();
    const through = new URL(world.database.url);
    through.port = String(early.port);
    const queueUrl = await world.newQueue();
    await world.server.send(queueUrl, users("u", 5));
    const env = world.env(queueUrl, { DATABASE_URL: through.href });
    const run = spawnEtl(["drain", "--follow", "--wait-seconds", "1", "--json"], { env, cwd: world.folder });
    await run.stderr.until(/ fails and is tried again: the database/);
    const late = await startPostgresProxy(upstream, early.port);
    await untilRows(5);
    await untilEmpty(queueUrl);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    await late.stop();
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ received: 5, inserted: 5, deleted: 5 });
  });

  test("does not go together with a dry run", async () => {
    const run = await runEtl(["drain", "--follow", "--dry-run"], { cwd: world.folder });
    expect(run.exitCode).toBe(64);
  });
});

test("a drain that does not follow gives up after --give-up-after seconds, and gives everything back", async () => {
  const proxy = await startPostgresProxy(await serverPort());
  const through = new URL(world.database.url);
  through.port = String(proxy.port);
  const queueUrl = await world.newQueue();
  const args = ["drain", "--json", "--give-up-after", "1", "--wait-seconds", "2"];
  const run = spawnEtl(args, { env: world.env(queueUrl, { DATABASE_URL: through.href }), cwd: world.folder });
  await run.stderr.until(/draining/);
  await proxy.stop();
  await world.server.send(queueUrl, users("u", 10));
  const { exitCode, receipt, stderr } = readJson(await run.finished);
  expect(exitCode).toBe(75);
  expect(receipt).toMatchObject({ received: 10, released: 10, outcome: "failed" });
  expect(stderr).toMatch(/error: gave up after \d+ s: .*\ntry: /);
  expect(world.server.depth(queueUrl)).toEqual({ visible: 10, inFlight: 0 });
});

test("a FIFO queue's groups are stored in their order", async () => {
  await world.database.sql.unsafe(
    "alter table user_logins add column place bigint generated always as identity",
  );
  const queueUrl = await world.server.createQueue("ordered.fifo", { FifoQueue: true });
  await world.server.send(queueUrl, users("u", 35));
  const run = await drainJson(world, queueUrl);
  expect(run.receipt).toMatchObject({ inserted: 35, deleted: 35 });
  const rows = await world.database.sql`select user_id from user_logins order by place`;
  expect(rows.map(({ user_id }) => user_id)).toEqual(Array.from({ length: 35 }, (_, index) => `u-${index}`));
});

test("old ledger entries are pruned beside the drain", async () => {
  const queueUrl = await world.newQueue();
  await world.server.send(queueUrl, users("u", 3));
  await drainJson(world, queueUrl);
  await world.database.sql`update etl_ledger set sent_at = now() - interval '30 days'`;
  const run = spawnEtl(["drain", "--follow", "--wait-seconds", "1"], {
    env: world.env(queueUrl),
    cwd: world.folder,
  });
  await run.stderr.until(/pruned 3 ledger entries/);
  run.kill("SIGTERM");
  await run.finished;
  expect((await world.database.sql`select 1 from etl_ledger`).length).toBe(0);
});
