import { describe, expect, test } from "bun:test";
import { drainJson, readJson } from "../support/json-drain.ts";
import { serverPort } from "../support/postgres.ts";
import { startPostgresProxy } from "../support/postgres-proxy.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { loginEvents, noMessages, openWorld, type World } from "../support/world.ts";

/** A world for one test alone, as these tests wait at the same time, and a queue to follow. */
async function openPlace() {
  const world = await openWorld();
  await world.emptyTable();
  const queueUrl = await world.newQueue();
  const follow = (changes: Readonly<Record<string, string>> = {}) =>
    world.spawn(queueUrl, ["drain", "--follow", "--wait-seconds", "1", "--json"], changes);
  return { world, queueUrl, follow, [Symbol.asyncDispose]: () => world.close() };
}

async function untilStored({ database, server }: World, queueUrl: string, count: number): Promise<void> {
  for (;;) {
    const [found] = await database.sql`select count(*)::int as rows from user_logins`;
    if (found?.rows === count && Bun.deepEquals(server.depth(queueUrl), noMessages)) return;
    await Bun.sleep(10);
  }
}

describe.concurrent("etl drain --follow", () => {
  test("takes what comes later, and ends with its receipt when it is told to", async () => {
    await using at = await openPlace();
    const { world, queueUrl } = at;
    await world.server.send(queueUrl, loginEvents(20));
    const run = at.follow();
    await untilStored(world, queueUrl, 20);
    await world.server.send(queueUrl, loginEvents(5, "late"));
    await untilStored(world, queueUrl, 25);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ received: 25, inserted: 25, deleted: 25, outcome: "stopped" });
  });

  test("waits through an outage of the database, tells of it once, and goes on by itself", async () => {
    await using at = await openPlace();
    const { world, queueUrl } = at;
    const proxy = await startPostgresProxy(await serverPort());
    const run = at.follow({ DATABASE_URL: world.databaseUrl({ port: String(proxy.port) }) });
    await run.stderr.until(/draining/);
    proxy.mode = "closing";
    proxy.cut();
    await world.server.send(queueUrl, loginEvents(10));
    await run.stderr.until(/(load|connect) fails and is tried again: the database/);
    proxy.mode = "open";
    await untilStored(world, queueUrl, 10);
    await run.stderr.until(/(load|connect) works again/);
    run.kill("SIGINT");
    const { exitCode, receipt, stderr } = readJson(await run.finished);
    await proxy.stop();
    expect(exitCode).toBe(130);
    expect(receipt).toMatchObject({ received: 10, unsettled: 0 });
    expect(stderr.match(/ fails and is tried again/g)?.length).toBe(1);
  });

  test("waits for a database that is not there yet", async () => {
    await using at = await openPlace();
    const { world, queueUrl } = at;
    const { port, stop } = await startPostgresProxy(await serverPort());
    await stop();
    await world.server.send(queueUrl, loginEvents(5));
    const run = at.follow({ DATABASE_URL: world.databaseUrl({ port: String(port) }) });
    await run.stderr.until(/ fails and is tried again: the database/);
    const late = await startPostgresProxy(await serverPort(), port);
    await untilStored(world, queueUrl, 5);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    await late.stop();
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ received: 5, inserted: 5, deleted: 5 });
  });

  test("that stores more after the ledger was emptied does not hide the loss from the next start", async () => {
    await using at = await openPlace();
    const { world, queueUrl } = at;
    await world.server.send(queueUrl, loginEvents(20));
    const run = at.follow();
    await untilStored(world, queueUrl, 20);
    await world.database.sql`truncate etl_ledger`;
    await world.server.send(queueUrl, loginEvents(1, "late"));
    await untilStored(world, queueUrl, 21);
    run.kill("SIGTERM");
    expect((await run.finished).exitCode).toBe(143);
    const next = await world.etl(queueUrl, ["drain"]);
    expect(next.exitCode).toBe(78);
    expect(next.stderr).toContain("has lost entries of this queue");
  });

  test("prunes old ledger entries beside the drain", async () => {
    await using at = await openPlace();
    const { sql } = at.world.database;
    await at.world.server.send(at.queueUrl, loginEvents(3));
    await drainJson(at.world, at.queueUrl);
    await sql`update etl_ledger set sent_at = sent_at - interval '30 days'`;
    await sql`update etl_run set stored_sent_at = null`;
    const run = at.follow();
    await run.stderr.until(/pruned 3 ledger entries/);
    run.kill("SIGTERM");
    await run.finished;
    expect((await sql`select 1 from etl_ledger`).length).toBe(0);
  });

  test("asks an idle queue that does not hold polls open once a second, and not thousands of times", async () => {
    await using at = await openPlace();
    const { world, queueUrl } = at;
    const proxy = await startQueueProxy(world.server.endpoint);
    const env = { AWS_ENDPOINT_URL_SQS: proxy.endpoint };
    const run = world.spawn(queueUrl, ["drain", "--follow", "--wait-seconds", "0", "--json"], env);
    await run.stderr.until(/draining/);
    const begun = performance.now();
    const receives = () => proxy.actions.filter((action) => action === "ReceiveMessage").length;
    while (performance.now() - begun < 4_000) await Bun.sleep(20);
    expect(receives()).toBeGreaterThan(2);
    expect(receives()).toBeLessThan(15);
    await world.server.send(queueUrl, loginEvents(20));
    await untilStored(world, queueUrl, 20);
    run.kill("SIGTERM");
    const { exitCode } = readJson(await run.finished);
    await proxy.stop();
    expect(exitCode).toBe(143);
  });

  test("does not go together with a dry run", async () => {
    await using at = await openPlace();
    expect((await at.world.etl(at.queueUrl, ["drain", "--follow", "--dry-run"])).exitCode).toBe(64);
  });
});
