import { describe, expect, test } from "bun:test";
import { bodies, drainWorld, expectToAddUp, limits, passing } from "../support/drain-world.ts";
import { turn } from "../support/memory-ports.ts";

describe("a stop", () => {
  test("lets the open poll be answered, and loads what it brings", async () => {
    const it = drainWorld([]);
    it.queue.hold = true;
    const running = it.run({ waitSeconds: 20, graceMillis: 60_000 });
    while (it.queue.openPolls === 0) await turn();
    it.graceful.abort();
    await turn();
    it.queue.send(bodies(3));
    expect(await running).toEqual({ outcome: "stopped" });
    expect(it.counts).toMatchObject({ received: 3, inserted: 3, deleted: 3 });
  });

  test("waits for the answer to its very first poll for longer than the queue holds polls, and hides nothing", async () => {
    const it = drainWorld(bodies(10));
    const handed = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const receive = it.queue.receive.bind(it.queue);
    it.queue.receive = async (options) => {
      const messages = await receive(options);
      handed.resolve();
      await answered.promise;
      options.signal.throwIfAborted();
      return messages;
    };
    const running = it.run({ waitSeconds: 0 });
    // The queue has handed out the messages, and its answer is on its way.
    await handed.promise;
    it.graceful.abort();
    await turn();
    it.clock.advance(limits.graceMillis - 3_001);
    await turn();
    answered.resolve();
    expect(await running).toMatchObject({ outcome: "stopped" });
    expect(it.counts).toMatchObject({ received: 10, inserted: 10, deleted: 10 });
    expect(it.queue.left).toEqual([]);
  });

  test("cuts off a poll that its grace does not leave time for", async () => {
    const it = drainWorld([]);
    it.queue.hold = true;
    const running = it.run({ waitSeconds: 20 });
    while (it.queue.openPolls === 0) await turn();
    it.graceful.abort();
    await turn();
    it.clock.advance(limits.graceMillis - 3_001);
    await turn();
    expect(it.queue.openPolls).toBe(1);
    it.clock.advance(1);
    expect(await running).toEqual({ outcome: "stopped" });
    expect(it.queue.openPolls).toBe(0);
  });

  test("loads and deletes what is in flight, and receives nothing more", async () => {
    const it = drainWorld(bodies(100));
    it.table.fault = () => it.graceful.abort();
    expect(await it.run()).toEqual({ outcome: "stopped" });
    const stoppedAt = it.journal.findIndex(({ event }) => event === "commit");
    expect(it.journal.slice(stoppedAt).filter(({ event }) => event === "receive")).toEqual([]);
    expect(it.counts.inserted).toBe(it.counts.received);
    expect(it.counts.deleted).toBe(it.counts.received);
    expect(it.queue.left.length).toBe(100 - it.counts.received);
    expectToAddUp(it.counts);
  });

  test("while the table fails gives back what is in flight instead of waiting for it", async () => {
    const it = drainWorld(bodies(20));
    it.table.fault = () => {
      it.graceful.abort();
      throw passing("load");
    };
    expect(await it.run()).toEqual({ outcome: "stopped" });
    expect(it.queue.visible.length).toBe(20);
    expect(it.counts.released).toBe(it.counts.received);
    expectToAddUp(it.counts);
  });

  test("before the start receives nothing", async () => {
    const it = drainWorld(bodies(20));
    it.graceful.abort();
    expect(await it.run()).toEqual({ outcome: "stopped" });
    expect(it.journal).toEqual([]);
  });

  for (const how of ["is forced", "outlasts its grace"] as const) {
    test(`that ${how} returns at once, and what is in flight is open`, async () => {
      const it = drainWorld(bodies(20));
      let loading = false;
      let answerLoad = () => {};
      it.table.fault = () => {
        loading = true;
        return new Promise((resolve) => {
          answerLoad = resolve;
        });
      };
      const running = it.run();
      while (!loading) await turn();
      it.graceful.abort();
      await turn();
      if (how === "is forced") it.forced.abort();
      else it.clock.advance(limits.graceMillis);
      expect(await running).toEqual({ outcome: "stopped" });
      const { counts } = it;
      expect(counts.unsettled).toBe(counts.received);
      expect(it.hidden).toBe(counts.received);
      // Its calls go on, and the receipt does not change with them.
      answerLoad();
      for (let turns = 0; turns < 20; turns += 1) await turn();
      expect(it.table.rows.size).toBeGreaterThan(0);
      expect(it.counts).toEqual(counts);
    });
  }
});
