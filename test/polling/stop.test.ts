import { describe, expect, test } from "bun:test";
import { bodies, drainWorld, expectToAddUp, limits, passing } from "../support/drain-world.ts";
import { turn } from "../support/memory-ports.ts";

describe("a stop", () => {
  test("aborts the open poll at once", async () => {
    const it = drainWorld([]);
    it.queue.hold = true;
    const running = it.run();
    while (it.queue.openPolls === 0) await turn();
    it.graceful.abort();
    expect(await running).toEqual({ outcome: "stopped" });
    expect(it.queue.openPolls).toBe(0);
  });

  test("loads and deletes what is in flight, and receives nothing more", async () => {
    const it = drainWorld(bodies(100));
    it.table.fault = () => it.graceful.abort();
    expect(await it.run()).toEqual({ outcome: "stopped" });
    const stoppedAt = it.journal.findIndex(({ event }) => event === "commit");
    expect(it.journal.slice(stoppedAt).filter(({ event }) => event === "receive")).toEqual([]);
    expect(it.tally.inserted).toBe(it.tally.received);
    expect(it.tally.deleted).toBe(it.tally.received);
    expect(it.queue.left.length).toBe(100 - it.tally.received);
    expectToAddUp(it.tally);
  });

  test("while the table fails gives back what is in flight instead of waiting for it", async () => {
    const it = drainWorld(bodies(20));
    it.table.fault = () => {
      it.graceful.abort();
      throw passing("load");
    };
    expect(await it.run()).toEqual({ outcome: "stopped" });
    expect(it.queue.visible.length).toBe(20);
    expect(it.tally.released).toBe(it.tally.received);
    expectToAddUp(it.tally);
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
      it.table.fault = () => {
        loading = true;
        return new Promise(() => {});
      };
      const running = it.run();
      while (!loading) await turn();
      it.graceful.abort();
      await turn();
      if (how === "is forced") it.forced.abort();
      else it.clock.advance(limits.graceMillis);
      expect(await running).toEqual({ outcome: "stopped", isForced: true });
      expect(it.tally.open).toBe(it.tally.received);
    });
  }
});
