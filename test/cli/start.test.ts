import { describe, expect, test } from "bun:test";
import { createChance } from "../support/chaos-chance.ts";
import { readJson } from "../support/json-drain.ts";
import { serverPort } from "../support/postgres.ts";
import { startPostgresProxy } from "../support/postgres-proxy.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { loginEvents, noMessages, openWorld, visible } from "../support/world.ts";

const total = 5;

/** A world for one test alone, as these tests wait at the same time, and a queue with messages. */
async function openPlace() {
  const world = await openWorld();
  await world.emptyTable();
  const { url } = await world.queueWith(loginEvents(total));
  const drain = (args: readonly string[], changes: Readonly<Record<string, string>> = {}) =>
    world.spawn(url, ["drain", "--json", "--wait-seconds", "1", ...args], changes);
  /** Holds whoever wants the table; resolves with the way to let them go. */
  async function lock(table: string) {
    const session = await world.database.sql.reserve();
    await session.unsafe(`begin; lock table ${table} in access exclusive mode`);
    return {
      async reached() {
        for (;;) {
          const waiting = await session.unsafe(
            `select 1 from pg_locks where not granted and relation = '${table}'::regclass`,
          );
          if (waiting.length > 0) return;
          await Bun.sleep(5);
        }
      },
      async release() {
        await session.unsafe("rollback");
        session.release();
      },
    };
  }
  return { world, url, drain, lock, [Symbol.asyncDispose]: () => world.close() };
}

const troubles = (stderr: string) => stderr.match(/ fails and is tried again/g)?.length ?? 0;

describe.concurrent("before its first receive", () => {
  test.each([
    ["the list of queues, which the queue is registered in", "etl_queue", ["--follow"]],
    ["the list of queues, without --follow", "etl_queue", []],
    ["the records, which say whether the ledger forgot", "etl_run", ["--follow"]],
    ["the target table, whose mask keys are looked at", "user_logins", ["--follow"]],
  ])(
    "a drain that waits for a locked table ends on SIGTERM: %s",
    async (_, table, args) => {
      await using at = await openPlace();
      const held = await at.lock(table);
      const run = at.drain(args);
      await held.reached();
      run.kill("SIGTERM");
      expect(await run.finished).toMatchObject({ exitCode: 143, stdout: "" });
      expect(at.world.server.depth(at.url)).toEqual(visible(total));
      await held.release();
    },
    20_000,
  );

  test("--follow waits for a database that is lost while the queue is registered, and tells of it once", async () => {
    await using at = await openPlace();
    const { world, url, drain, lock } = at;
    await world.database.sql`alter table user_logins set unlogged`;
    const proxy = await startPostgresProxy(await serverPort());
    const held = await lock("etl_queue");
    const run = drain(["--follow"], { DATABASE_URL: world.databaseUrl({ port: String(proxy.port) }) });
    await held.reached();
    proxy.mode = "closing";
    proxy.cut();
    await held.release();
    await run.stderr.until(/ fails and is tried again: the database/);
    proxy.mode = "open";
    await run.stderr.until(/ works again/);
    await run.stderr.until(/draining/);
    while (!Bun.deepEquals(world.server.depth(url), noMessages)) await Bun.sleep(10);
    run.kill("SIGTERM");
    const { exitCode, receipt, stderr } = readJson(await run.finished);
    await proxy.stop();
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ received: total, inserted: total });
    expect(stderr.match(/user_logins is unlogged/g)?.length).toBe(1);
    expect(troubles(stderr)).toBe(1);
  }, 30_000);

  test("--follow waits for a dead-letter queue that is away, and tells of it once", async () => {
    await using at = await openPlace();
    const { world, url, drain } = at;
    const proxy = await startQueueProxy(world.server.endpoint, { chance: createChance(1) });
    proxy.set(["error 503"], 1);
    const deadLetters = proxy.urlOf(await world.newQueue());
    const run = drain(["--follow", "--on-reject", "dead-letter", "--dead-letter-url", deadLetters]);
    await run.stderr.until(/ fails and is tried again: /);
    // The client's own tries are five.
    while (proxy.requests <= 10) await Bun.sleep(10);
    proxy.set([], 0);
    await run.stderr.until(/ works again/);
    while (!Bun.deepEquals(world.server.depth(url), noMessages)) await Bun.sleep(10);
    run.kill("SIGTERM");
    const { exitCode, stderr } = readJson(await run.finished);
    await proxy.stop();
    expect(exitCode).toBe(143);
    expect(troubles(stderr)).toBe(1);
  }, 30_000);

  test("a drain without --follow waits, too, for a database that does not run yet", async () => {
    await using at = await openPlace();
    const { world, drain } = at;
    const { port, stop } = await startPostgresProxy(await serverPort());
    await stop();
    const run = drain([], { DATABASE_URL: world.databaseUrl({ port: String(port) }) });
    await run.stderr.until(
      / connect fails and is tried again for up to 300 s: the database .* nothing listens there\n/,
    );
    const late = await startPostgresProxy(await serverPort(), port);
    const { exitCode, receipt, stderr } = readJson(await run.finished);
    await late.stop();
    expect(exitCode).toBe(0);
    expect(receipt).toMatchObject({ inserted: total });
    expect(stderr).toContain(" connect works again\n");
  }, 30_000);

  test("a drain without --follow gives up after --give-up-after, with exit code 75", async () => {
    await using at = await openPlace();
    const { world, url, drain } = at;
    const { port, stop } = await startPostgresProxy(await serverPort());
    await stop();
    const run = drain(["--give-up-after", "1"], { DATABASE_URL: world.databaseUrl({ port: String(port) }) });
    const { exitCode, stderr } = await run.finished;
    expect(exitCode).toBe(75);
    expect(stderr).toMatch(/\nerror: gave up after 1 s: the database .* nothing listens there\ntry: .*\n$/);
    expect(world.server.depth(url)).toEqual(visible(total));
  }, 20_000);

  test.each([
    ["a database that does not exist", { pathname: "/nowhere" }, 78],
    ["a wrong password", { password: "wrong-canary" }, 77],
    ["an unknown host", { hostname: "database.invalid" }, 69],
    // What else looks so is in queue-errors.test.ts: an answer that is not SQS's.
  ])(
    "%s is told at once, whatever --give-up-after says",
    async (_, changes, code) => {
      await using at = await openPlace();
      const user = await at.world.newUser();
      const DATABASE_URL = Object.assign(new URL(user.url), changes).href;
      const { exitCode, stderr } = await at.drain([], { DATABASE_URL }).finished;
      expect(exitCode).toBe(code);
      expect(stderr).toMatch(/^error: .*\ntry: .*\n$/);
    },
    20_000,
  );
});
