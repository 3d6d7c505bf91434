import { describe, expect, test } from "bun:test";
import { drain } from "../../src/drain/drain.ts";
import type { DrainLimits } from "../../src/drain/drain-parts.ts";
import { commitUnknown } from "../../src/drain/ports.ts";
import { Tally } from "../../src/drain/tally.ts";
import { EtlError } from "../../src/errors.ts";
import type { Rejection } from "../../src/pipeline/rejection.ts";
import {
  type Journal,
  MemoryQueue,
  MemoryTable,
  mapBody,
  SkippingClock,
  turn,
} from "../support/memory-ports.ts";

const defaults: DrainLimits = {
  batchSize: 100,
  receivers: 4,
  waitSeconds: 5,
  visibilityTimeoutSeconds: 30,
  maxInFlight: 1000,
  giveUpAfterMillis: 300_000,
  graceMillis: 20_000,
  follow: false,
};

function world(bodies: readonly string[]) {
  const journal: Journal = [];
  const queue = new MemoryQueue(bodies, journal);
  const table = new MemoryTable(journal);
  const clock = new SkippingClock();
  const tally = new Tally();
  const graceful = new AbortController();
  const forced = new AbortController();
  const rejections: Rejection[] = [];
  const troubles: string[] = [];
  const recoveries: string[] = [];
  let undeleted = 0;
  return {
    journal,
    queue,
    table,
    clock,
    tally,
    graceful,
    forced,
    rejections,
    troubles,
    recoveries,
    undeleted: () => undeleted,
    run: (limits: Partial<DrainLimits> = {}) =>
      drain(
        {
          source: queue,
          sink: table,
          clock,
          random: () => 0.5,
          mapMessage: mapBody,
          tally,
          observer: {
            rejected: (rejection) => rejections.push(rejection),
            trouble: (error) => troubles.push(error.operation),
            recovered: (operation) => recoveries.push(operation),
            undeleted: (count) => {
              undeleted += count;
            },
          },
        },
        { ...defaults, ...limits },
        { graceful: graceful.signal, forced: forced.signal },
      ),
  };
}

/** The law of the receipt. */
function expectToAddUp(tally: Tally): void {
  expect(tally.received).toBe(
    tally.inserted + tally.duplicates + tally.rejected + tally.released + tally.unsettled,
  );
  expect([...tally.reasons.values()].reduce((sum, count) => sum + count, 0)).toBe(tally.rejected);
}

/** No delete of a message without a commit that holds it before. */
function expectDeletesAfterCommits(journal: Journal): void {
  const committed = new Set<string>();
  for (const { event, ids } of journal) {
    if (event === "commit") for (const id of ids) committed.add(id);
    if (event === "delete") for (const id of ids) expect(committed).toContain(id);
  }
}

const passing = (operation: string, code?: string) =>
  new EtlError({ kind: "unavailable", operation, message: "not now", retryable: true, code });
const lasting = (operation: string) =>
  new EtlError({ kind: "permission", operation, message: "never", retryable: false });
const bodies = (count: number) => Array.from({ length: count }, (_, index) => `row ${index}`);

describe("a drain", () => {
  test("moves every message into the table and deletes it after its commit", async () => {
    const it = world(bodies(237));
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(237);
    expect(it.queue.left).toEqual([]);
    expect(it.tally).toMatchObject({ received: 237, inserted: 237, deleted: 237, duplicates: 0 });
    expectDeletesAfterCommits(it.journal);
    expectToAddUp(it.tally);
  });

  test("ends on an empty queue after two empty polls by one receiver", async () => {
    const it = world([]);
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.journal).toEqual([
      { event: "receive", ids: [] },
      { event: "receive", ids: [] },
    ]);
    expect(it.queue.maxOpenPolls).toBe(1);
  });

  test("polls with more receivers while there is a backlog", async () => {
    const it = world(bodies(500));
    await it.run({ receivers: 4 });
    expect(it.queue.maxOpenPolls).toBe(4);
  });

  test("leaves rejected messages in the queue, counts each once, and still ends", async () => {
    const it = world(["row 1", "bad 2", "row 3", "bad 4"]);
    it.table.fault = () => it.queue.timeOut();
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.queue.left).toEqual(["m1-bad 2", "m3-bad 4"]);
    expect(it.tally.rejected).toBe(2);
    expect(it.rejections.map((rejection) => rejection.messageId)).toEqual(["m1-bad 2", "m3-bad 4"]);
    expectToAddUp(it.tally);
  });

  test("ends while a rejected message comes round on every poll", async () => {
    const it = world(["bad 1"]);
    it.queue.fault = (call) => {
      if (call === "receive") it.queue.timeOut();
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.tally).toMatchObject({ received: 1, rejected: 1 });
  });

  test("does not delete what the table refused", async () => {
    const it = world(["row 1", "row 2", "row 3"]);
    it.table.refused.add("row 2");
    await it.run();
    expect(it.queue.left).toEqual(["m1-row 2"]);
    expect(it.tally).toMatchObject({ inserted: 2, rejected: 1, deleted: 2 });
    expectToAddUp(it.tally);
  });

  test("counts a message that is delivered twice into one batch as one row and one duplicate", async () => {
    const it = world(["row 1"]);
    let loads = 0;
    it.queue.fault = (call) => {
      if (call === "receive" && it.tally.received === 1) it.queue.timeOut();
    };
    it.table.fault = async () => {
      loads += 1;
      if (loads === 1) throw passing("load");
      while (it.tally.received < 2) await turn();
    };
    await it.run({ receivers: 1 });
    expect(it.table.rows.size).toBe(1);
    expect(it.tally.inserted).toBe(1);
    expect(it.tally.duplicates).toBeGreaterThanOrEqual(1);
    expect(it.queue.left).toEqual([]);
    expectToAddUp(it.tally);
  });

  test("recognises and deletes what came back because its delete failed", async () => {
    const it = world(bodies(12));
    it.queue.undeletable.add("m3-row 3");
    await it.run({ receivers: 1 });
    expect(it.queue.left).toEqual([]);
    expect(it.table.rows.size).toBe(12);
    expect(it.tally).toMatchObject({ inserted: 12, duplicates: 1, deleted: 12, received: 13 });
    expect(it.undeleted()).toBe(1);
    expectToAddUp(it.tally);
  });

  test("goes on while the queue's own count says that something is left, but not for ever", async () => {
    const it = world(bodies(3));
    it.queue.claimedVisible = 1;
    expect(await it.run()).toEqual({ outcome: "drained" });
    const polls = it.journal.filter(({ event, ids }) => event === "receive" && ids.length === 0).length;
    expect(polls).toBeGreaterThanOrEqual(8);
    expect(polls).toBeLessThan(20);
  });

  test("goes on while the queue counts more than the rejected messages that may be visible again", async () => {
    const it = world(["bad 1", "bad 2", "bad 3", ...bodies(3)]);
    let polls = 0;
    // Short polls sample: after the first answer, two find nothing although three messages are there.
    const receive = it.queue.receive.bind(it.queue);
    it.queue.receive = async (options) => {
      polls += 1;
      if (polls === 1) return receive({ ...options, maxMessages: 3 });
      return polls <= 3 ? [] : receive(options);
    };
    expect(await it.run({ receivers: 1 })).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(3);
  });

  test("does not end while a poll is open that may have been handed messages", async () => {
    const it = world(bodies(17));
    const receive = it.queue.receive.bind(it.queue);
    let polls = 0;
    it.queue.receive = async (options) => {
      polls += 1;
      const slow = polls === 3;
      const messages = await receive(options);
      // Handed out, and long under way: meanwhile the others find nothing, again and again.
      for (let turns = 0; slow && turns < 200; turns += 1) await turn();
      options.signal.throwIfAborted();
      return messages;
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(17);
    expect(it.queue.left).toEqual([]);
  });

  test("takes no more than the limit, over all receivers", async () => {
    for (const maxMessages of [1, 10, 25, 77]) {
      const it = world(bodies(300));
      expect(await it.run({ maxMessages })).toEqual({ outcome: "limit" });
      expect(it.tally).toMatchObject({ received: maxMessages, inserted: maxMessages, deleted: maxMessages });
      expect(it.queue.left.length).toBe(300 - maxMessages);
    }
  });

  test("holds no more than the bound while the table is slow", async () => {
    const it = world(bodies(400));
    let most = 0;
    it.table.fault = async () => {
      for (let index = 0; index < 20; index += 1) await turn();
      most = Math.max(most, it.tally.open);
    };
    await it.run({ maxInFlight: 50, batchSize: 10 });
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThanOrEqual(50);
    expect(it.table.rows.size).toBe(400);
  });
});

describe("a failure that passes", () => {
  test("of the table: the same batch is loaded again", async () => {
    const it = world(bodies(30));
    let failures = 3;
    it.table.fault = () => {
      if (failures-- > 0) throw passing("load");
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.tally.inserted).toBe(30);
    expect(it.troubles).toEqual(["load"]);
    expect(it.recoveries).toEqual(["load"]);
  });

  test("of the queue: it is polled again", async () => {
    const it = world(bodies(30));
    let failures = 3;
    it.queue.fault = (call) => {
      if (call === "receive" && failures-- > 0) throw passing("receive");
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.tally.inserted).toBe(30);
  });

  test("with a commit whose answer was lost: one row each, and the receipt adds up", async () => {
    const it = world(bodies(30));
    let failures = 1;
    it.table.lostAnswer = () => {
      if (failures-- > 0) throw passing("load", commitUnknown);
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.table.rows.size).toBe(30);
    expect(it.queue.left).toEqual([]);
    expect(it.tally.unsettled).toBe(0);
    expectToAddUp(it.tally);
  });

  test("that never passes ends the run as temporary, and gives everything back", async () => {
    const it = world(bodies(30));
    it.table.fault = () => {
      throw passing("load");
    };
    const end = await it.run();
    expect(end.outcome).toBe("failed");
    expect(end.error).toBeInstanceOf(EtlError);
    expect((end.error as EtlError).exitCode).toBe(75);
    expect(it.clock.millis).toBeGreaterThan(290_000);
    expect(it.queue.visible.length).toBe(30);
    expect(it.tally.released).toBe(it.tally.received);
    expectToAddUp(it.tally);
  });

  test("after a lost answer, the batch in hand is unsettled and the rest released", async () => {
    const it = world(bodies(30));
    it.table.lostAnswer = () => {
      it.table.fault = () => {
        throw passing("load");
      };
      throw passing("load", commitUnknown);
    };
    const end = await it.run();
    expect(end.outcome).toBe("failed");
    expect(it.tally.unsettled).toBe(it.table.batches[0]?.length ?? -1);
    expect(it.tally.released).toBe(it.tally.received - it.tally.unsettled);
    expectToAddUp(it.tally);
  });
});

describe("a failure that lasts", () => {
  for (const call of ["receive", "delete"] as const) {
    test(`of ${call} ends the run with its error after what is in flight has settled`, async () => {
      const it = world(bodies(50));
      let calls = 0;
      it.queue.fault = (which) => {
        if (which === call && ++calls > 2) throw lasting(call);
      };
      const end = await it.run();
      expect(end.outcome).toBe("failed");
      expect((end.error as EtlError).operation).toBe(call);
      expect(it.tally.unsettled).toBe(0);
      expect(it.tally.inserted).toBe(it.table.rows.size);
      expectDeletesAfterCommits(it.journal);
      expectToAddUp(it.tally);
    });
  }

  test("of load ends the run, and gives everything that is not loaded back at once", async () => {
    const it = world(bodies(50));
    it.table.fault = (batch) => {
      if (it.table.rows.size > 0 || batch.length > 40) throw lasting("load");
    };
    const end = await it.run();
    expect(end.outcome).toBe("failed");
    expect(it.queue.visible.length).toBe(50 - it.table.rows.size);
    expect(it.tally.released).toBeGreaterThan(0);
    expectDeletesAfterCommits(it.journal);
    expectToAddUp(it.tally);
  });

  test("of release does not hide the error that ended the run", async () => {
    const it = world(bodies(5));
    it.queue.fault = (call) => {
      if (call === "release") throw lasting("release");
    };
    it.table.fault = () => {
      throw lasting("load");
    };
    expect((await it.run()).error).toMatchObject({ operation: "load" });
    expectToAddUp(it.tally);
  });
});

describe("a stop", () => {
  test("aborts the open poll at once", async () => {
    const it = world([]);
    it.queue.hold = true;
    const running = it.run();
    while (it.queue.openPolls === 0) await turn();
    it.graceful.abort();
    expect(await running).toEqual({ outcome: "stopped" });
    expect(it.queue.openPolls).toBe(0);
  });

  test("loads and deletes what is in flight, and receives nothing more", async () => {
    const it = world(bodies(100));
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
    const it = world(bodies(20));
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
    const it = world(bodies(20));
    it.graceful.abort();
    expect(await it.run()).toEqual({ outcome: "stopped" });
    expect(it.journal).toEqual([]);
  });

  for (const how of ["is forced", "outlasts its grace"] as const) {
    test(`that ${how} returns at once and counts what is in flight as unsettled`, async () => {
      const it = world(bodies(20));
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
      else it.clock.advance(defaults.graceMillis);
      expect(await running).toEqual({ outcome: "stopped" });
      expect(it.tally.unsettled).toBe(it.tally.received);
      expectToAddUp(it.tally);
    });
  }
});
