import { describe, expect, test } from "bun:test";
import type { DrainLimits } from "../../src/polling/drain.ts";
import { bodies, drainWorld, expectToAddUp, lasting, passing } from "../support/drain-world.ts";
import { turn } from "../support/memory-ports.ts";

type World = ReturnType<typeof drainWorld>;

/** Runs in a queue that holds polls open, and answers them in its own time: some turns after the run has begun to end. */
async function runHeld(it: World, changes: Partial<DrainLimits> = {}) {
  it.queue.hold = true;
  let isOver = false;
  const running = it.run(changes).finally(() => {
    isOver = true;
  });
  for (let turns = 0; !isOver; turns += 1) {
    await turn();
    if (turns % 50 === 49) it.queue.endPolls();
  }
  return await running;
}

/** What ends a run early, each with the outcome. */
const endings: readonly [how: string, outcome: string, prepare: (it: World) => void][] = [
  [
    "a load fails for good",
    "failed",
    (it) => {
      it.table.fault = () => {
        throw lasting("load");
      };
    },
  ],
  [
    "a load fails for too long",
    "failed",
    (it) => {
      it.table.fault = () => {
        throw passing("load");
      };
    },
  ],
  [
    "the circuit breaker opens",
    "failed",
    (it) => {
      for (const body of bodies(60)) it.table.refused.add(body);
    },
  ],
  [
    "a stop is asked for while the table fails",
    "stopped",
    (it) => {
      it.table.fault = () => {
        it.graceful.abort();
        throw passing("load");
      };
    },
  ],
];

describe.each(endings)("a run that ends because %s", (_, outcome, prepare) => {
  test.each([false, true])(
    "gives everything back, and only once its polls were answered (cut polls are answered, too: %p)",
    async (answersCutPolls) => {
      const it = drainWorld(bodies(60));
      it.queue.answersCutPolls = answersCutPolls;
      prepare(it);
      expect(await runHeld(it)).toMatchObject({ outcome });
      expect(it.queue.visible).toHaveLength(60);
      expectToAddUp(it.counts);
      expect(it.counts.released).toBe(it.counts.received);
      const events = it.journal.map(({ event }) => event);
      expect(events.indexOf("release")).toBeGreaterThan(events.lastIndexOf("receive"));
    },
  );
});

test("three runs that fail cost each message three receives, and no more", async () => {
  const it = drainWorld(bodies(60));
  it.queue.answersCutPolls = true;
  it.table.fault = () => {
    throw lasting("load");
  };
  for (let run = 1; run <= 3; run += 1) {
    expect(await runHeld(it)).toMatchObject({ outcome: "failed" });
    expect(it.queue.visible).toHaveLength(60);
    expect(it.queue.mostDeliveries).toBeLessThanOrEqual(run);
  }
});

test("a load that fails for good is the last: what waits behind it goes back and is not tried", async () => {
  const it = drainWorld(bodies(400));
  let loads = 0;
  it.table.fault = () => {
    loads += 1;
    throw lasting("load");
  };
  expect(await it.run({ batchSize: 10 })).toMatchObject({ outcome: "failed" });
  expect(loads).toBe(1);
  expect(it.queue.visible).toHaveLength(400);
});

test("what cannot be given back is told of, and counted as unsettled", async () => {
  const it = drainWorld(bodies(25));
  const denied = lasting("release");
  it.table.fault = () => {
    throw lasting("load");
  };
  it.queue.fault = (call) => {
    if (call === "release") throw denied;
  };
  expect(await it.run()).toMatchObject({ outcome: "failed", error: { operation: "load" } });
  const { received } = it.counts;
  expect(it.counts).toMatchObject({ released: 0, unsettled: received });
  const told = it.events.filter((event) => event.type === "released");
  expect(told.reduce((sum, { failed }) => sum + failed, 0)).toBe(received);
  expect(told[0]).toMatchObject({ error: denied });
  expect(it.hidden).toBe(received);
  expect(it.troubles).toEqual(["release"]);
});

describe("loads at a time", () => {
  /** A table so far away that each load takes 40 ms, and one load at a time is what everything waits for. */
  const far = (it: World) => {
    it.table.fault = async () => {
      for (let turns = 0; turns < 40; turns += 1) await turn();
      it.clock.advance(40);
    };
  };
  const limits = { batchSize: 20, maxInFlight: undefined, receivers: undefined };

  test("are as many as bring more rows, and the run tells of it", async () => {
    const it = drainWorld(bodies(4_000));
    far(it);
    expect(await it.run(limits)).toMatchObject({ outcome: "drained" });
    expect(it.table.maxOpenLoads).toBeGreaterThan(1);
    expect(it.table.maxOpenLoads).toBeLessThanOrEqual(8);
    expect(it.table.rows.size).toBe(4_000);
    const tuned = it.events.filter((event) => event.type === "tuned");
    expect(Math.max(...tuned.map(({ connections }) => connections))).toBe(it.table.maxOpenLoads);
  });

  test("are one while the database is near", async () => {
    const it = drainWorld(bodies(4_000));
    await it.run(limits);
    expect(it.table.maxOpenLoads).toBe(1);
  });

  test("are as many as somebody has fixed, at once", async () => {
    for (const connections of [1, 3]) {
      const it = drainWorld(bodies(1_000));
      far(it);
      await it.run({ ...limits, connections });
      expect(it.table.maxOpenLoads).toBe(connections);
    }
  });

  test("that fail while others succeed: what was stored is deleted, and the rest goes back", async () => {
    const it = drainWorld(bodies(400));
    let loads = 0;
    it.table.fault = async () => {
      loads += 1;
      const fails = loads === 5;
      for (let turns = 0; turns < (fails ? 5 : 20); turns += 1) await turn();
      if (fails) throw lasting("load");
    };
    expect(await it.run({ batchSize: 10, connections: 4, maxInFlight: undefined })).toMatchObject({
      outcome: "failed",
    });
    expectToAddUp(it.counts);
    expect(it.counts.deleted).toBe(it.table.rows.size);
    expect(it.counts.deleted).toBeGreaterThan(0);
    expect(it.queue.visible).toHaveLength(400 - it.table.rows.size);
  });
});
