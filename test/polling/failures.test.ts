import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { commitUnknown } from "../../src/processing/outcome.ts";
import {
  bodies,
  drainWorld,
  expectDeletesAfterCommits,
  expectToAddUp,
  lasting,
  passing,
} from "../support/drain-world.ts";
import { turn } from "../support/memory-ports.ts";

describe("a failure that passes", () => {
  test("of the table: the same batch is loaded again", async () => {
    const it = drainWorld(bodies(30));
    let failures = 3;
    it.table.fault = () => {
      if (failures-- > 0) throw passing("load");
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts.inserted).toBe(30);
    expect(it.troubles).toEqual(["load"]);
    expect(it.recoveries).toEqual(["load"]);
  });

  test("of the queue: it is polled again", async () => {
    const it = drainWorld(bodies(30));
    let failures = 3;
    it.queue.fault = (call) => {
      if (call === "receive" && failures-- > 0) throw passing("receive");
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts.inserted).toBe(30);
  });

  test("with a commit whose answer was lost: one row each, and the receipt adds up", async () => {
    const it = drainWorld(bodies(30));
    let failures = 1;
    it.table.lostAnswer = () => {
      if (failures-- > 0) throw passing("load", commitUnknown);
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(30);
    expect(it.queue.left).toEqual([]);
    expect(it.counts.unsettled).toBe(0);
    expectToAddUp(it.counts);
  });

  test("that never passes ends the run as temporary, and gives everything back", async () => {
    const it = drainWorld(bodies(30));
    it.table.fault = () => {
      throw passing("load");
    };
    const end = await it.run();
    expect(end.outcome).toBe("failed");
    expect(end.error).toBeInstanceOf(EtlError);
    expect((end.error as EtlError).exitCode).toBe(75);
    expect(it.clock.millis).toBeGreaterThan(290_000);
    expect(it.queue.visible.length).toBe(30);
    expect(it.counts.released).toBe(it.counts.received);
    expectToAddUp(it.counts);
  });

  test("after a lost answer, the batch in hand is unsettled and the rest released", async () => {
    const it = drainWorld(bodies(30));
    it.table.lostAnswer = () => {
      it.table.fault = () => {
        throw passing("load");
      };
      throw passing("load", commitUnknown);
    };
    const end = await it.run();
    expect(end.outcome).toBe("failed");
    expect(it.counts.unsettled).toBe(it.table.batches[0]?.length ?? -1);
    expect(it.counts.released).toBe(it.counts.received - it.counts.unsettled);
    expectToAddUp(it.counts);
  });
});

describe("a row over which a trigger raises what may pass", () => {
  const raisingWorld = (count: number, ...raising: string[]) => {
    const it = drainWorld([...raising, ...bodies(count)]);
    for (const body of raising) it.table.raising.add(body);
    return it;
  };

  test("is rejected, and costs no other message", async () => {
    const it = raisingWorld(250, "raising 1", "raising 2");
    expect(await it.run()).toMatchObject({ outcome: "drained" });
    expect(it.counts).toMatchObject({ inserted: 250, rejected: 2, rejections: { sqlstate_XX000: 2 } });
    expect(it.queue.left.length).toBe(2);
    expect(it.troubles).toEqual([]);
    expectDeletesAfterCommits(it.journal);
    expectToAddUp(it.counts);
  });

  test("is rejected though fifty of them come in a row: the table takes others meanwhile", async () => {
    const raising = Array.from({ length: 120 }, (_, index) => `raising ${index}`);
    const it = drainWorld(raising.flatMap((body, index) => [body, `row ${index}`]));
    for (const body of raising) it.table.raising.add(body);
    expect(await it.run()).toMatchObject({ outcome: "drained" });
    expect(it.counts).toMatchObject({ inserted: 120, rejected: 120 });
    expectToAddUp(it.counts);
  });

  test("keeps no later message waiting while it is tried again", async () => {
    const it = raisingWorld(20, "raising");
    it.queue.hold = true;
    const again = Promise.withResolvers<void>();
    let tries = 0;
    it.table.fault = ([first]) => {
      if (first?.rows[0]?.[0] !== "raising") return;
      tries += 1;
      if (tries > 1) return again.promise;
    };
    const ending = it.run({ follow: true, maxInFlight: 1 });
    while (it.counts.inserted < 20) await turn();
    it.queue.send(["late"]);
    while (it.counts.inserted < 21) await turn();
    expect(it.counts.rejected).toBe(0);
    again.resolve();
    while (it.counts.rejected < 1) await turn();
    it.graceful.abort();
    it.queue.endPolls();
    expect(await ending).toMatchObject({ outcome: "stopped" });
    expect(it.counts).toMatchObject({ inserted: 21, rejected: 1, released: 0 });
    expectToAddUp(it.counts);
  });

  test("for the server's own sake ends no run that goes well: at the end it is given back, and the run fails", async () => {
    const it = raisingWorld(20, "raising");
    it.table.raisesForRows = false;
    it.queue.hold = true;
    const ending = it.run();
    while (it.clock.millis < 300_000) await turn();
    it.queue.send(bodies(30).map((body) => `later ${body}`));
    while (it.counts.inserted < 50) await turn();
    const isOver = ending.then(() => true);
    while (!(await Promise.race([isOver, turn()]))) it.queue.endPolls();
    expect(await ending).toMatchObject({ outcome: "failed", error: { exitCode: 75, operation: "load" } });
    expect(it.counts).toMatchObject({ inserted: 50, released: 1, rejected: 0, deleted: 50 });
    expect(it.queue.visible).toEqual(["m0-raising"]);
    expectToAddUp(it.counts);
  });

  test("that nothing else is stored beside ends the run as temporary, and goes back", async () => {
    const it = raisingWorld(0, "raising 1", "raising 2");
    expect(await it.run()).toMatchObject({ outcome: "failed", error: { exitCode: 75 } });
    expect(it.counts).toMatchObject({ received: 2, released: 2, rejected: 0 });
    expect(it.troubles).toEqual(["load"]);
    expectToAddUp(it.counts);
  });

  test("goes back if the run is stopped while it is tried again, and what was stored is deleted", async () => {
    const it = raisingWorld(20, "raising");
    it.queue.hold = true;
    it.table.fault = () => {
      if (it.table.rows.size < 20) return;
      it.graceful.abort();
      it.queue.endPolls();
    };
    expect(await it.run({ follow: true })).toMatchObject({ outcome: "stopped" });
    expect(it.counts).toMatchObject({ inserted: 20, released: 1, rejected: 0, deleted: 20 });
    expect(it.queue.visible).toEqual(["m0-raising"]);
    expectToAddUp(it.counts);
  });
});

describe("a failure that lasts", () => {
  for (const call of ["receive", "delete"] as const) {
    test(`of ${call} ends the run with its error after what is in flight has settled`, async () => {
      const it = drainWorld(bodies(50));
      let calls = 0;
      it.queue.fault = (which) => {
        if (which === call && ++calls > 2) throw lasting(call);
      };
      const end = await it.run();
      expect(end.outcome).toBe("failed");
      expect((end.error as EtlError).operation).toBe(call);
      expect(it.counts.unsettled).toBe(0);
      expect(it.counts.inserted).toBe(it.table.rows.size);
      expectDeletesAfterCommits(it.journal);
      expectToAddUp(it.counts);
    });
  }

  test("of load ends the run, and gives everything that is not loaded back at once", async () => {
    const it = drainWorld(bodies(50));
    it.table.fault = (batch) => {
      if (it.table.rows.size > 0 || batch.length > 40) throw lasting("load");
    };
    const end = await it.run();
    expect(end.outcome).toBe("failed");
    expect(it.queue.visible.length).toBe(50 - it.table.rows.size);
    expect(it.counts.released).toBeGreaterThan(0);
    expectDeletesAfterCommits(it.journal);
    expectToAddUp(it.counts);
  });

  test("of release does not hide the error that ended the run", async () => {
    const it = drainWorld(bodies(5));
    it.queue.fault = (call) => {
      if (call === "release") throw lasting("release");
    };
    it.table.fault = () => {
      throw lasting("load");
    };
    expect((await it.run()).error).toMatchObject({ operation: "load" });
    expectToAddUp(it.counts);
  });
});
