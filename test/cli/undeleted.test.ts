import { describe, expect, test } from "bun:test";
import { createChance } from "../support/chaos-chance.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { loginEvents, noMessages, openWorld } from "../support/world.ts";

const count = 60;
const told = /deletes fail or do nothing: stored messages stay in the queue/g;

/** A world whose queue hides messages for a second, behind a proxy. */
async function openPlace() {
  const world = await openWorld();
  await world.emptyTable();
  const proxy = await startQueueProxy(world.server.endpoint, { chance: createChance(1) });
  const { url } = await world.queueWith(loginEvents(count), { VisibilityTimeout: 1 });
  return {
    ...{ world, proxy, url, env: { AWS_ENDPOINT_URL_SQS: proxy.endpoint } },
    async [Symbol.asyncDispose]() {
      await proxy.stop();
      await world.close();
    },
  };
}

describe.concurrent("deletes that never work", () => {
  test.each(["delete ignored", "delete refused"] as const)(
    "end a drain with 75 and the number of messages that are stored and not deleted, after one warning (%s)",
    async (fault) => {
      await using at = await openPlace();
      const { world, proxy, url, env } = at;
      // One of two faults is drawn for each delete: most fail, and some do nothing.
      const faults = ["delete refused", "delete ignored"] as const;
      proxy.set(fault === "delete refused" ? faults : [fault], 1);
      const run = await drainJson(world, url, ["--wait-seconds", "2"], env);
      expect(run.exitCode).toBe(75);
      const [, undeleted] =
        /(\d+) messages? (?:is|are) stored and could not be deleted/.exec(run.stderr) ?? [];
      const { visible, inFlight } = world.server.depth(url);
      expect(visible + inFlight).toBeGreaterThan(0);
      // Of those whose last delete did nothing it knows only if they came again after one before.
      if (fault === "delete ignored") expect(Number(undeleted)).toBe(count);
      else expect(Number(undeleted)).toBeLessThanOrEqual(visible + inFlight);
      expect(run.stderr.match(told)).toHaveLength(1);
      expect(run.receipt).toMatchObject({ inserted: count, outcome: "failed" });
      // They are recognised, and deleted by a run whose deletes work.
      proxy.set([], 0);
      while (world.server.depth(url).inFlight > 0) await Bun.sleep(20);
      const next = await drainJson(world, url, [], env);
      expect(next.exitCode).toBe(0);
      expect(next.receipt).toMatchObject({ inserted: 0, duplicates: visible + inFlight });
      expect(world.server.depth(url)).toEqual(noMessages);
    },
    60_000,
  );

  test("do not end a drain that follows, which tells of them once and asks at the pace of the visibility timeout", async () => {
    await using at = await openPlace();
    const { world, proxy, url, env } = at;
    proxy.set(["delete ignored"], 1);
    const run = world.spawn(url, ["drain", "--follow", "--json", "--wait-seconds", "0"], env);
    const deletes = () => proxy.actions.filter((action) => action === "DeleteMessageBatch").length;
    // Each message is deleted three times over, ten a call at the most.
    while (deletes() < 18) await Bun.sleep(20);
    const seconds = 4;
    const before = proxy.requests;
    await Bun.sleep(seconds * 1000);
    expect(proxy.requests - before).toBeLessThan(seconds * 50);
    proxy.set([], 0);
    while (!Bun.deepEquals(world.server.depth(url), noMessages)) await Bun.sleep(20);
    run.kill("SIGTERM");
    const { exitCode, stderr } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(stderr.match(told)).toHaveLength(1);
  }, 60_000);
});
