import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { drain } from "../../src/polling/drain.ts";
import { Tally } from "../../src/polling/tally.ts";
import { bodies, limits } from "../support/drain-world.ts";
import {
  type Journal,
  MemoryQueue,
  MemoryTable,
  mapBody,
  SkippingClock,
  turn,
} from "../support/memory-ports.ts";

function world(bodies: readonly string[]) {
  const journal: Journal = [];
  const queue = new MemoryQueue(bodies, journal);
  queue.hold = true;
  const table = new MemoryTable(journal);
  const clock = new SkippingClock();
  const tally = new Tally();
  const stop = new AbortController();
  const told: string[] = [];
  const ended = drain(
    {
      source: queue,
      sink: table,
      clock,
      runnableMillis: () => 0,
      random: () => 0.5,
      mapMessage: mapBody,
      tally,
      observer: {
        rejected() {},
        trouble: ({ operation }) => told.push(`${operation} fails`),
        recovered: (operation) => told.push(`${operation} works`),
        undeleted() {},
        uncopied() {},
      },
    },
    { ...limits, follow: true, giveUpAfterMillis: 1000 },
    { graceful: stop.signal, forced: new AbortController().signal },
  );
  return { queue, table, clock, tally, stop, told, ended };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe("following", () => {
  test("goes on when the queue is empty, with one receiver, and takes what comes later", async () => {
    const it = world(bodies(25));
    await until(() => it.tally.deleted === 25);
    // Long polls end empty, again and again; at last one receiver asks.
    for (let round = 0; round < 20; round += 1) {
      await until(() => it.queue.openPolls > 0);
      it.queue.endPolls();
      await turn();
    }
    await until(() => it.queue.openPolls > 0);
    expect(it.queue.openPolls).toBe(1);
    it.queue.send(["later 1", "later 2"]);
    await until(() => it.tally.deleted === 27);
    it.stop.abort();
    expect(await it.ended).toEqual({ outcome: "stopped" });
    expect(it.table.rows.size).toBe(27);
  });

  test("survives an outage of hours on either side, and tells once of each change of state", async () => {
    for (const side of ["receive", "load"] as const) {
      const it = world(bodies(5));
      const failure = new EtlError({
        kind: "unavailable",
        operation: side,
        message: "down",
        retryable: true,
      });
      let down = true;
      it.queue.fault = (call) => {
        if (down && call === side) throw failure;
      };
      it.table.fault = () => {
        if (down && side === "load") throw failure;
      };
      await until(() => it.clock.millis > 6 * 3_600_000);
      expect(new Set(it.told)).toEqual(new Set([`${side} fails`]));
      // Once for each call that waits, and not for each of its hundreds of attempts.
      expect(it.told.length).toBeLessThanOrEqual(4);
      down = false;
      it.queue.send(["afterwards"]);
      await until(() => it.tally.deleted === 6);
      expect(it.told).toContain(`${side} works`);
      it.stop.abort();
      expect(await it.ended).toMatchObject({ outcome: "stopped" });
    }
  });

  test("ends with what cannot pass", async () => {
    const it = world([]);
    it.queue.fault = (call) => {
      if (call === "receive") throw new EtlError({ kind: "permission", operation: "receive", message: "no" });
    };
    it.queue.send(["row"]);
    expect((await it.ended).outcome).toBe("failed");
  });

  test("a bad message that comes round a hundred times is not taken for a table that refuses everything", async () => {
    const it = world(["row"]);
    it.table.refused.add("row");
    const comesRound = async (settled: () => boolean) => {
      it.queue.hidden.clear();
      it.queue.timeOut();
      await until(() => {
        it.queue.endPolls();
        return settled();
      });
    };
    for (let round = 0; round < 100; round += 1) await comesRound(() => it.queue.hidden.size === 1);
    expect(it.tally).toMatchObject({ received: 1, inserted: 0, rejected: 1 });
    it.table.refused.clear();
    await comesRound(() => it.tally.deleted === 1);
    it.stop.abort();
    expect(await it.ended).toEqual({ outcome: "stopped" });
    expect(it.tally).toMatchObject({ received: 1, inserted: 1, rejected: 0 });
  });
});
