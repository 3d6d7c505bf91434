import { describe, expect, test } from "bun:test";
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

  test("what cannot be given back at a stop is told of with the reason, and counted as unsettled, not as released", async () => {
    await using world = await openWorld();
    await world.emptyTable();
    await world.database.sql.unsafe(diskFull);
    const proxy = await startQueueProxy(world.server.endpoint);
    proxy.denied = ["ChangeMessageVisibility", "ChangeMessageVisibilityBatch"];
    const { url } = await world.queueWith(loginEvents(count), { VisibilityTimeout: 30 });
    const args = ["drain", "--json", "--batch-size", "10", "--wait-seconds", "1"];
    const run = world.spawn(url, args, { AWS_ENDPOINT_URL_SQS: proxy.endpoint });
    await run.stderr.until(/load fails and is tried again/);
    run.kill("SIGTERM");
    const { exitCode, receipt, stderr } = readJson(await run.finished);
    await proxy.stop();
    expect(exitCode).toBe(143);
    const told = [...stderr.matchAll(/(\d+) messages? could not be given back: (.*); hidden until .* 30 s/g)];
    expect(told.length).toBeGreaterThan(0);
    for (const [, , reason] of told) expect(reason).toBe("the credentials may not do this with the queue");
    const hidden = told.reduce((sum, [, messages]) => sum + Number(messages), 0);
    expect(hidden).toBeGreaterThan(0);
    expect(receipt).toMatchObject({ outcome: "stopped", released: 0, unsettled: hidden });
    expect(world.server.depth(url)).toEqual({ visible: count - receipt.received, inFlight: hidden });
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
