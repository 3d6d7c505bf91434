import { describe, expect, test } from "bun:test";
import { Meter, meteredSource } from "../../src/polling/meter.ts";
import type { Source } from "../../src/polling/ports.ts";
import { bodies, drainWorld } from "../support/drain-world.ts";
import { turn } from "../support/memory-ports.ts";

function world() {
  const now = { millis: 0, runnableMillis: 0, requests: 0, full: false };
  const meter = new Meter({
    monotonicMillis: () => now.millis,
    runnableMillis: () => now.runnableMillis,
    requests: () => now.requests,
    loadsHoldUp: () => now.full,
    connections: () => 1,
  });
  return { now, meter };
}

describe("an interval", () => {
  test("holds what came, how many polls were open, and what was sent", () => {
    const { now, meter } = world();
    for (let poll = 0; poll < 4; poll += 1) {
      now.millis += 50;
      now.runnableMillis += 5;
      now.requests += 2;
      meter.called();
      meter.answered(now.millis - 100, 10);
    }
    expect(meter.cutAfter(201, 1)).toBeUndefined();
    expect(meter.cutAfter(200, 3)).toBeUndefined();
    expect(meter.cutAfter(200, 2)).toEqual({
      millis: 200,
      answers: 4,
      received: 40,
      // The first poll was begun before the interval.
      pollMillis: 350,
      loaded: 0,
      loadMillis: 0,
      holdUpMillis: 0,
      runnableMillis: 20,
      requests: 8,
      retries: 4,
    });
    now.millis += 10;
    expect(meter.cut()).toMatchObject({ millis: 10, answers: 0, received: 0, requests: 0, retries: 0 });
  });

  test("counts its part of a load that is longer than itself, where the next one is full", () => {
    const { now, meter } = world();
    now.full = true;
    const ends = meter.loadBegins();
    now.millis = 300;
    expect(meter.cut()).toMatchObject({ holdUpMillis: 300, loadMillis: 300, loaded: 0 });
    now.millis = 400;
    expect(ends(7)).toBe(400);
    now.millis = 600;
    now.full = false;
    const otherEnds = meter.loadBegins();
    now.millis = 700;
    otherEnds(3);
    expect(meter.cut()).toMatchObject({ holdUpMillis: 100, loadMillis: 200, loaded: 10 });
  });
});

describe("the limit of a run", () => {
  /** So many seconds of receives, with a load open all the time. */
  function pass({ now, meter }: ReturnType<typeof world>, seconds: number, cpuShare: number, full: boolean) {
    for (let interval = 0; interval < 10 * seconds; interval += 1) {
      now.full = full;
      const ends = meter.loadBegins();
      now.millis += 100;
      now.runnableMillis += 100 * cpuShare;
      meter.answered(now.millis, 10);
      ends(10);
      meter.cut();
    }
  }

  test("is what it was limited by for the most time", () => {
    const it = world();
    pass(it, 2, 0.3, false);
    expect(it.meter.limit).toBe("queue");
    pass(it, 3, 0.95, true);
    expect(it.meter.limit).toBe("cpu");
    pass(it, 4, 0.3, true);
    expect(it.meter.limit).toBe("database");
  });

  test("is not told of a run that was at work for less than a second, however long it waited", () => {
    const it = world();
    pass(it, 0.9, 0.3, true);
    it.now.millis += 60_000;
    it.meter.answered(it.now.millis - 20_000, 0);
    it.meter.cut();
    expect(it.meter.limit).toBeUndefined();
    pass(it, 0.1, 0.3, true);
    expect(it.meter.limit).toBe("database");
  });

  test("is told by the drain", async () => {
    const it = drainWorld(bodies(400));
    it.table.fault = async () => {
      for (let index = 0; index < 20; index += 1) await turn();
      it.clock.advance(200);
    };
    expect(await it.run({ maxInFlight: 50, batchSize: 10 })).toEqual({
      outcome: "drained",
      limit: "database",
    });
  });

  test("is the database where it alone was waited for, however few the messages are", async () => {
    const it = drainWorld(bodies(30));
    it.table.fault = async () => {
      // Until nothing more comes.
      for (let index = 0; index < 50; index += 1) await turn();
      it.clock.advance(2000);
    };
    expect(await it.run()).toEqual({ outcome: "drained", limit: "database" });
  });
});

test("every call to the queue is counted", async () => {
  const { now, meter } = world();
  const source = {
    receive: async () => [],
    delete: async () => ({ settled: 0, failed: 0 }),
    changeVisibility: async () => ({ settled: 0, failed: 0 }),
    attributes: async () => ({}) as never,
    requests: 7,
  } satisfies Source;
  const metered = meteredSource(source, meter);
  await metered.receive({ maxMessages: 1, waitSeconds: 0, signal: new AbortController().signal });
  await metered.delete([]);
  await metered.changeVisibility([]);
  await metered.attributes();
  expect(metered.requests).toBe(7);
  now.requests = 5;
  expect(meter.cut()).toMatchObject({ requests: 5, retries: 1 });
});
