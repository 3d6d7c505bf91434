import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { bodies, worldOf } from "../support/drain-world.ts";
import { type Journal, MemoryQueue, turn } from "../support/memory-ports.ts";

function world(bodies: readonly string[]) {
  const journal: Journal = [];
  const queue = new MemoryQueue(bodies, journal);
  queue.hold = true;
  const it = worldOf(queue, { journal });
  const ended = it.run({ follow: true, giveUpAfterMillis: 1000 });
  const told = () =>
    it.events.flatMap((event) => {
      if (event.type === "trouble") return [`${event.error.operation} fails`];
      return event.type === "recovered" ? [`${event.operation} works`] : [];
    });
  /** Asks for the stop; the open poll is then answered with nothing. */
  const stop = () => {
    it.graceful.abort();
    queue.endPolls();
  };
  return Object.assign(it, { ended, told, stop });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe("following", () => {
  test("goes on when the queue is empty, with one receiver, and takes what comes later", async () => {
    const it = world(bodies(25));
    await until(() => it.counts.deleted === 25);
    // Long polls end empty, again and again; at last one receiver asks.
    for (let round = 0; round < 20; round += 1) {
      await until(() => it.queue.openPolls > 0);
      it.queue.endPolls();
      await turn();
    }
    await until(() => it.queue.openPolls > 0);
    expect(it.queue.openPolls).toBe(1);
    it.queue.send(["later 1", "later 2"]);
    await until(() => it.counts.deleted === 27);
    it.stop();
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
      expect(new Set(it.told())).toEqual(new Set([`${side} fails`]));
      // Once for each call that waits, and not for each of its hundreds of attempts.
      expect(it.told().length).toBeLessThanOrEqual(4);
      down = false;
      it.queue.send(["afterwards"]);
      await until(() => it.counts.deleted === 6);
      expect(it.told()).toContain(`${side} works`);
      it.stop();
      expect(await it.ended).toMatchObject({ outcome: "stopped" });
    }
  });

  test("asks an idle queue that does not hold polls open once a second, and not thousands of times", async () => {
    const it = world([]);
    it.queue.hold = false;
    it.queue.endPolls();
    await until(() => it.clock.millis > 60_000);
    expect(it.queue.requests).toBeLessThan(80);
    it.stop();
    expect(await it.ended).toEqual({ outcome: "stopped" });
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
    expect(it.counts).toMatchObject({ received: 1, inserted: 0, rejected: 1 });
    it.table.refused.clear();
    await comesRound(() => it.counts.deleted === 1);
    it.stop();
    expect(await it.ended).toEqual({ outcome: "stopped" });
    expect(it.counts).toMatchObject({ received: 1, inserted: 1, rejected: 0 });
  });
});
