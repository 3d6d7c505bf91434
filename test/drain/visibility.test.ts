import { describe, expect, test } from "bun:test";
import type { VisibilityChange } from "../../src/drain/ports.ts";
import { VisibilityKeeper } from "../../src/drain/visibility.ts";
import { SkippingClock, turn } from "../support/memory-ports.ts";

function world(visibilityTimeoutSeconds: number) {
  const clock = new SkippingClock(0);
  const calls: VisibilityChange[][] = [];
  const over = new AbortController();
  let failing = false;
  const keeper = new VisibilityKeeper({
    source: {
      async changeVisibility(changes) {
        calls.push([...changes]);
        if (failing) throw new Error("no");
        return { settled: changes.length, failed: 0 };
      },
    },
    clock,
    visibilityTimeoutSeconds,
  });
  return {
    clock,
    calls,
    over,
    keeper,
    fail: () => {
      failing = true;
    },
    /** Lets so many seconds pass, one after the other. */
    async pass(seconds: number) {
      for (let second = 0; second < seconds; second += 1) {
        clock.advance(1000);
        await turn();
        await turn();
      }
    },
  };
}

const refs = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    messageId: `m${index}`,
    receiptHandle: `h${index}`,
    sentAtMillis: 0,
    receiveCount: 1,
  }));

describe("the visibility of what is in flight", () => {
  test("is extended at half the time-out, ten a call, again and again", async () => {
    const it = world(30);
    it.keeper.hold(refs(23));
    const running = it.keeper.run(it.over.signal);
    await it.pass(14);
    expect(it.calls).toEqual([]);
    await it.pass(1);
    expect(it.calls.map((changes) => changes.length)).toEqual([10, 10, 3]);
    expect(it.calls[0]?.[0]).toEqual({ receiptHandle: "h0", timeoutSeconds: 30 });
    await it.pass(45);
    expect(it.calls.length).toBe(12);
    it.over.abort();
    await running;
  });

  test("is no longer extended once settled", async () => {
    const it = world(30);
    it.keeper.hold(refs(2));
    it.keeper.letGo(["h0"]);
    const running = it.keeper.run(it.over.signal);
    await it.pass(16);
    expect(it.calls.flat().map(({ receiptHandle }) => receiptHandle)).toEqual(["h1"]);
    it.keeper.letGo(["h1"]);
    await it.pass(60);
    expect(it.calls.length).toBe(1);
    it.over.abort();
    await running;
  });

  test("is extended for what comes later at its own time", async () => {
    const it = world(20);
    const running = it.keeper.run(it.over.signal);
    await it.pass(7);
    it.keeper.hold(refs(1));
    await it.pass(9);
    expect(it.calls).toEqual([]);
    await it.pass(2);
    expect(it.calls.length).toBe(1);
    it.over.abort();
    await running;
  });

  test("is extended up to 12 hours after the receive, and not beyond", async () => {
    const it = world(3600);
    it.keeper.hold(refs(1));
    const running = it.keeper.run(it.over.signal);
    await it.pass(13 * 3600);
    const seconds = it.calls.flat().map(({ timeoutSeconds }) => timeoutSeconds);
    // The last two would else reach beyond 43,200 s after the receive.
    expect(seconds).toEqual([...Array.from({ length: 21 }, () => 3600), 3599, 1799]);
    it.over.abort();
    await running;
  });

  test("goes on being extended after a call that failed", async () => {
    const it = world(30);
    it.fail();
    it.keeper.hold(refs(1));
    const running = it.keeper.run(it.over.signal);
    await it.pass(46);
    expect(it.calls.length).toBe(3);
    it.over.abort();
    await running;
  });

  test("is left alone where the queue has none", async () => {
    const it = world(0);
    it.keeper.hold(refs(1));
    await it.keeper.run(it.over.signal);
    expect(it.calls).toEqual([]);
  });
});
