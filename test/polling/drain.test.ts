import { describe, expect, test } from "bun:test";
import {
  bodies,
  drainWorld,
  expectDeletesAfterCommits,
  expectToAddUp,
  passing,
} from "../support/drain-world.ts";
import { turn } from "../support/memory-ports.ts";

describe("a drain", () => {
  test("moves every message into the table and deletes it after its commit", async () => {
    const it = drainWorld(bodies(237));
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(237);
    expect(it.queue.left).toEqual([]);
    expect(it.counts).toMatchObject({ received: 237, inserted: 237, deleted: 237, duplicates: 0 });
    expectDeletesAfterCommits(it.journal);
    expectToAddUp(it.counts);
  });

  test("ends on an empty queue after two empty polls by one receiver", async () => {
    const it = drainWorld([]);
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.journal).toEqual([
      { event: "receive", ids: [] },
      { event: "receive", ids: [] },
    ]);
    expect(it.queue.maxOpenPolls).toBe(1);
  });

  test("polls with as many receivers as it is told to while messages come, at once", async () => {
    const it = drainWorld(bodies(500));
    const openPolls: number[] = [];
    it.queue.fault = (call) => {
      if (call === "receive") openPolls.push(it.queue.openPolls + 1);
    };
    await it.run({ receivers: 7 });
    expect(openPolls.slice(0, 8)).toEqual([1, 1, 2, 3, 4, 5, 6, 7]);
    expect(it.queue.maxOpenPolls).toBe(7);
  });

  test("polls with more receivers than one where nobody says how many", async () => {
    const it = drainWorld(bodies(500));
    await it.run({ receivers: undefined, maxInFlight: undefined });
    expect(it.queue.maxOpenPolls).toBe(4);
    expect(it.table.rows.size).toBe(500);
  });

  test("leaves rejected messages in the queue, counts each once, and still ends", async () => {
    const it = drainWorld(["row 1", "bad 2", "row 3", "bad 4"]);
    it.table.fault = () => it.queue.timeOut();
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.queue.left).toEqual(["m1-bad 2", "m3-bad 4"]);
    expect(it.counts.rejected).toBe(2);
    expect(it.rejections.map((rejection) => rejection.messageId)).toEqual(["m1-bad 2", "m3-bad 4"]);
    expectToAddUp(it.counts);
  });

  test("ends while a rejected message comes round on every poll", async () => {
    const it = drainWorld(["bad 1"]);
    it.queue.fault = (call) => {
      if (call === "receive") it.queue.timeOut();
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts).toMatchObject({ received: 1, rejected: 1 });
  });

  test("does not delete what the table refused", async () => {
    const it = drainWorld(["row 1", "row 2", "row 3"]);
    it.table.refused.add("row 2");
    await it.run();
    expect(it.queue.left).toEqual(["m1-row 2"]);
    expect(it.counts).toMatchObject({ inserted: 2, rejected: 1, deleted: 2 });
    expectToAddUp(it.counts);
  });

  test("counts a message that is delivered twice into one batch as one row and one duplicate", async () => {
    const it = drainWorld(["row 1"]);
    let loads = 0;
    it.queue.fault = (call) => {
      if (call === "receive" && it.counts.received === 1) it.queue.timeOut();
    };
    it.table.fault = async () => {
      loads += 1;
      if (loads === 1) throw passing("load");
      while (it.counts.received < 2) await turn();
    };
    await it.run({ receivers: 1 });
    expect(it.table.rows.size).toBe(1);
    expect(it.counts.inserted).toBe(1);
    expect(it.counts.duplicates).toBeGreaterThanOrEqual(1);
    expect(it.queue.left).toEqual([]);
    expectToAddUp(it.counts);
  });

  test("recognises and deletes what came back because its delete failed", async () => {
    const it = drainWorld(bodies(12));
    it.queue.undeletable.add("m3-row 3");
    await it.run({ receivers: 1 });
    expect(it.queue.left).toEqual([]);
    expect(it.table.rows.size).toBe(12);
    expect(it.counts).toMatchObject({ inserted: 12, duplicates: 1, deleted: 12, received: 13 });
    expect(it.undeleted()).toBe(1);
    expectToAddUp(it.counts);
  });

  test("goes on while the queue's own count says that something is left, but not for ever", async () => {
    const it = drainWorld(bodies(3));
    it.queue.claimedVisible = 1;
    expect(await it.run()).toEqual({ outcome: "drained" });
    const polls = it.journal.filter(({ event, ids }) => event === "receive" && ids.length === 0).length;
    expect(polls).toBeGreaterThanOrEqual(8);
    expect(polls).toBeLessThan(20);
  });

  test("goes on while the queue counts more than the rejected messages that may be visible again", async () => {
    const it = drainWorld(["bad 1", "bad 2", "bad 3", ...bodies(3)]);
    let polls = 0;
    // Short polls sample: after the first answer, two find nothing although three messages are there.
    const receive = it.queue.receive.bind(it.queue);
    it.queue.receive = async (options) => {
      polls += 1;
      if (polls === 1) return receive({ ...options, maxMessages: 3 });
      return polls <= 3 ? [] : receive(options);
    };
    expect(await it.run({ receivers: 1 })).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(3);
  });

  test("does not end while a poll is open that may have been handed messages", async () => {
    const it = drainWorld(bodies(17));
    const receive = it.queue.receive.bind(it.queue);
    let polls = 0;
    it.queue.receive = async (options) => {
      polls += 1;
      const slow = polls === 3;
      const messages = await receive(options);
      // Handed out, and long under way: meanwhile the others find nothing, again and again.
      for (let turns = 0; slow && turns < 200; turns += 1) await turn();
      options.signal.throwIfAborted();
      return messages;
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(17);
    expect(it.queue.left).toEqual([]);
  });

  test("takes no more than the limit, over all receivers", async () => {
    for (const maxMessages of [1, 10, 25, 77]) {
      const it = drainWorld(bodies(300));
      expect(await it.run({ maxMessages })).toEqual({ outcome: "limit" });
      expect(it.counts).toMatchObject({ received: maxMessages, inserted: maxMessages, deleted: maxMessages });
      expect(it.queue.left.length).toBe(300 - maxMessages);
    }
  });

  test("takes all that the limit allows where answers bring less than they were asked for", async () => {
    const it = drainWorld(bodies(100));
    const receive = it.queue.receive.bind(it.queue);
    it.queue.receive = (options) => receive({ ...options, maxMessages: Math.min(options.maxMessages, 3) });
    expect(await it.run({ maxMessages: 25 })).toEqual({ outcome: "limit" });
    expect(it.counts.received).toBe(25);
  });

  test("ends with a bug that every open poll meets", async () => {
    const it = drainWorld(bodies(100));
    const receive = it.queue.receive.bind(it.queue);
    it.queue.receive = async (options) => {
      const messages = await receive(options);
      if (it.queue.journal.length === 1) return messages;
      // Several are open when the first of them fails, and they fail one after the other.
      for (let turns = 10 * it.queue.journal.length; turns > 0; turns -= 1) await turn();
      return messages.map((message) => ({
        ...message,
        get body(): string {
          throw new TypeError("a bug");
        },
      }));
    };
    const { outcome, error } = await it.run({ receivers: 4 });
    expect([outcome, error]).toEqual(["failed", new TypeError("a bug")]);
  });

  test("holds no more than the bound while the table is slow", async () => {
    const it = drainWorld(bodies(400));
    let most = 0;
    it.table.fault = async () => {
      for (let index = 0; index < 20; index += 1) await turn();
      most = Math.max(most, it.open);
    };
    await it.run({ maxInFlight: 50, batchSize: 10 });
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThanOrEqual(50);
    expect(it.table.rows.size).toBe(400);
  });
});
