import { describe, expect, test } from "bun:test";
import type { EtlError } from "../../src/errors.ts";
import { bodies, drainWorld, expectToAddUp } from "../support/drain-world.ts";
import { SkippingClock, turn } from "../support/memory-ports.ts";

type World = ReturnType<typeof drainWorld>;

/** What deletes do: nothing is deleted, and each message comes again after its visibility timeout of 4 s. */
const faults = {
  fail: (count: number) => ({ settled: 0, failed: count }),
  "do nothing": (count: number) => ({ settled: count, failed: 0 }),
};

function breakDeletes(it: World, fault: keyof typeof faults): { mend(): void } {
  const { queue, clock } = it;
  const remove = queue.delete.bind(queue);
  queue.delete = async (handles) => {
    queue.requests += 1;
    await turn();
    const until = clock.millis + 4_000;
    void (async () => {
      while (clock.millis < until) await turn();
      queue.timeOut();
      queue.endPolls();
    })();
    return faults[fault](handles.length);
  };
  return {
    mend() {
      queue.delete = remove;
    },
  };
}

/** Lets time pass while nothing else does. */
async function pass(it: World, isOver: () => boolean): Promise<void> {
  for (let turns = 0; !isOver(); turns += 1) {
    await turn();
    if (turns % 5 === 0) it.clock.advance(100);
    // A poll is held for 20 s.
    if (turns % 1_000 === 0) it.queue.endPolls();
  }
}

describe.each(["fail", "do nothing"] as const)("if all deletes %s", (fault) => {
  test("a drain ends with 75 and says how many messages are stored and not deleted", async () => {
    const it = drainWorld(bodies(25), { clock: new SkippingClock(-1) });
    it.queue.hold = true;
    breakDeletes(it, fault);
    let isOver = false;
    const running = it.run({ visibilityTimeoutSeconds: 4 }).finally(() => {
      isOver = true;
    });
    await pass(it, () => isOver);
    const { outcome, error } = await running;
    expect(outcome).toBe("failed");
    expect(error).toMatchObject({ exitCode: 75, code: "not_deleted" });
    expect((error as EtlError).message).toStartWith("25 messages are stored and could not be deleted");
    expect(it.toldUndeleted).toHaveLength(1);
    expect(it.table.rows.size).toBe(25);
    expect(it.queue.left).toHaveLength(25);
    expectToAddUp(it.counts);
  });

  test("a drain that follows goes on at the pace of the visibility timeout, and tells once, and once when it is over", async () => {
    const it = drainWorld(bodies(25), { clock: new SkippingClock(-1) });
    it.queue.hold = true;
    const { mend } = breakDeletes(it, fault);
    let isOver = false;
    const running = it.run({ visibilityTimeoutSeconds: 4, follow: true }).finally(() => {
      isOver = true;
    });
    await pass(it, () => it.clock.millis > 400_000);
    // A hundred rounds, each of a few receives and deletes.
    expect(it.queue.requests).toBeLessThan(100 * 20);
    expect(it.toldUndeleted).toHaveLength(1);
    mend();
    await pass(it, () => it.queue.left.length === 0);
    const later = it.clock.millis + 30_000;
    await pass(it, () => it.clock.millis > later);
    it.queue.send(["later"]);
    await pass(it, () => it.queue.left.length === 0);
    it.graceful.abort();
    await pass(it, () => isOver);
    expect(await running).toMatchObject({ outcome: "stopped" });
    expect(it.toldUndeleted.at(-1)).toBe(0);
    expect(it.toldUndeleted).toHaveLength(2);
    expect(it.table.rows.size).toBe(26);
  });
});

test("a drain whose deletes all fail for longer than --give-up-after ends with 75, however much is in the queue", async () => {
  const it = drainWorld(bodies(20));
  it.queue.delete = async (handles) => faults.fail(handles.length);
  const receive = it.queue.receive.bind(it.queue);
  it.queue.receive = async (options) => {
    it.queue.send(bodies(10));
    it.clock.advance(1_000);
    return receive(options);
  };
  const { error } = await it.run({ visibilityTimeoutSeconds: 4, giveUpAfterMillis: 60_000 });
  expect(error).toMatchObject({ exitCode: 75, code: "not_deleted" });
  expect(it.clock.millis).toBeGreaterThan(60_000);
  expect(it.table.rows.size).toBe(it.counts.inserted);
});

test("deletes that fail once, or did nothing for a while, do not fail a run that has deleted all in the end", async () => {
  for (const fault of ["fail", "do nothing"] as const) {
    const it = drainWorld(bodies(25));
    const { mend } = breakDeletes(it, fault);
    const attributes = it.queue.attributes.bind(it.queue);
    it.queue.attributes = () => {
      mend();
      it.queue.timeOut();
      return attributes();
    };
    expect(await it.run({ visibilityTimeoutSeconds: 4 })).toMatchObject({ outcome: "drained" });
    expect(it.queue.left).toEqual([]);
    expect(it.table.rows.size).toBe(25);
  }
});
