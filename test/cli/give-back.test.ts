import { describe, expect, test } from "bun:test";
import { createChance } from "../support/chaos-chance.ts";
import { closeGate } from "../support/gate.ts";
import { readJson } from "../support/json-drain.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { receiveCountsIn } from "../support/sqs-server.ts";
import { loginEvent, loginEvents, noMessages, openWorld, visible } from "../support/world.ts";

const count = 60;
const diskFull = `create function fill_disk() returns trigger language plpgsql as $$
         begin raise exception 'no space left on device' using errcode = '53100'; end $$;
       create trigger disk_full before insert on user_logins for each statement execute function fill_disk()`;

describe.concurrent("messages that a run does not load are given back", () => {
  test.each([
    ["the database fails for longer than --give-up-after", diskFull, 75],
    ["the table refuses every message", "alter table user_logins add constraint nobody check (false)", 78],
  ])(
    "three runs in a row fail, as %s: with a maxReceiveCount of 4, every message is visible, and none is in the redrive queue",
    async (_, fault, exitCode) => {
      await using world = await openWorld();
      await world.emptyTable();
      await world.database.sql.unsafe(fault);
      // A poll that a run cuts off is answered all the same: its messages would be hidden, and received once more.
      world.server.answersGoneCallers = true;
      const redriveUrl = await world.server.createQueue("redrive");
      const deadLetterTargetArn = "arn:aws:sqs:us-east-1:123456789012:redrive";
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 4 });
      const { url } = await world.queueWith(loginEvents(count), { RedrivePolicy, VisibilityTimeout: 30 });
      for (let run = 1; run <= 3; run += 1) {
        const args = ["drain", "--json", "--give-up-after", "1", "--wait-seconds", "1"];
        const failed = readJson(await world.etl(url, args));
        expect(failed.exitCode).toBe(exitCode);
        expect(failed.receipt).toMatchObject({
          outcome: "failed",
          received: count,
          released: count,
          deleted: 0,
        });
        expect(world.server.depth(url)).toEqual(visible(count));
      }
      expect(world.server.depth(redriveUrl)).toEqual(noMessages);
      // The fourth receive of each is this one.
      expect(receiveCountsIn(await world.server.takeAll(url))).toEqual(Array(count).fill(4));
    },
    30_000,
  );

  test.each([
    ["denied", /: the credentials may not do this with the queue;/, "denied"],
    ["answered with errors", /: .* answered with an error of its own \(HTTP 500\);/, "failing"],
    ["not answered", /could not be given back;/, "hanging"],
  ] as const)(
    "what cannot be given back at a stop, as ChangeMessageVisibility is %s, is told of once, and counts as unsettled, not as released",
    async (_, reason, how) => {
      await using world = await openWorld();
      await world.emptyTable();
      await world.database.sql.unsafe(diskFull);
      const proxy = await startQueueProxy(world.server.endpoint, { chance: createChance(1) });
      const action = "ChangeMessageVisibilityBatch";
      const { url } = await world.queueWith(loginEvents(count), { VisibilityTimeout: 30 });
      const args = ["drain", "--json", "--batch-size", "10", "--wait-seconds", "1", "--grace-seconds", "4"];
      const run = world.spawn(url, args, { AWS_ENDPOINT_URL_SQS: proxy.endpoint });
      await run.stderr.until(/load fails and is tried again/);
      if (how === "denied") proxy.denied = [action];
      else if (how === "hanging") proxy.hanging = [action];
      else proxy.onRequest = (request) => proxy.set(["error 500"], request.action === action ? 1 : 0);
      run.kill("SIGTERM");
      const { exitCode, receipt, stderr } = readJson(await run.finished);
      await proxy.stop();
      expect(exitCode).toBe(143);
      const told = [...stderr.matchAll(/(\d+) messages? could not be given back.* hidden until .*, 30 s/g)];
      expect(told.map(([, messages]) => Number(messages))).toEqual([receipt.received]);
      expect(told[0]?.[0]).toMatch(reason);
      expect(receipt).toMatchObject({ outcome: "stopped", released: 0, unsettled: receipt.received });
      expect(receipt.received).toBeGreaterThan(0);
      expect(world.server.depth(url)).toEqual({
        visible: count - receipt.received,
        inFlight: receipt.received,
      });
    },
    30_000,
  );

  test("a permission that is missing to hide messages for longer is told when it is first needed, with what to do", async () => {
    await using world = await openWorld();
    await world.emptyTable();
    const gate = await closeGate(world.database);
    const proxy = await startQueueProxy(world.server.endpoint);
    proxy.denied = ["ChangeMessageVisibilityBatch"];
    const { url } = await world.queueWith(loginEvents(count), { VisibilityTimeout: 2 });
    const args = ["drain", "--json", "--wait-seconds", "1"];
    const run = world.spawn(url, args, { AWS_ENDPOINT_URL_SQS: proxy.endpoint });
    await run.stderr.until(/change visibility fails: .*; try: allow .*sqs:ChangeMessageVisibility/);
    // The first messages are still at work.
    expect(world.server.depth(url).inFlight).toBeGreaterThan(0);
    await gate.open();
    const { exitCode, receipt, stderr } = readJson(await run.finished);
    await proxy.stop();
    expect(stderr.match(/change visibility fails/g)).toHaveLength(1);
    expect(exitCode).toBe(0);
    expect(receipt).toMatchObject({ inserted: count });
  });

  test("an idle run that is stopped lets its open poll be answered, and loads what that brings", async () => {
    await using world = await openWorld();
    await world.emptyTable();
    const idle = await world.newQueue();
    const run = world.spawn(idle, ["drain", "--follow", "--json", "--wait-seconds", "20"]);
    while (world.server.openReceives === 0) await Bun.sleep(5);
    run.kill("SIGTERM");
    await run.stderr.until(/stopping: the open poll is answered/);
    await world.server.send(idle, [loginEvent()]);
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ received: 1, inserted: 1, deleted: 1, outcome: "stopped" });
    expect(world.server.depth(idle)).toEqual(noMessages);
  });
});
