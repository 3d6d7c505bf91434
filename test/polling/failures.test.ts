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
