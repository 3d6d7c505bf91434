import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { DeadLetter } from "../../src/polling/ports.ts";
import { passing, worldOf } from "../support/drain-world.ts";
import { type Journal, MemoryQueue } from "../support/memory-ports.ts";

function world(
  bodies: readonly string[],
  isCopying = true,
  accepts: (letter: DeadLetter) => boolean = () => true,
) {
  const journal: Journal = [];
  const letters: DeadLetter[] = [];
  const faults = { copy: () => {}, ledger: () => {} };
  const deadLetters = {
    async send(sent: readonly DeadLetter[]) {
      faults.copy();
      const accepted = new Set(sent.flatMap((letter, index) => (accepts(letter) ? [index] : [])));
      const copied = sent.filter((_, index) => accepted.has(index));
      letters.push(...copied);
      journal.push({ event: "copy", ids: copied.map(({ message }) => message.messageId) });
      return accepted;
    },
  };
  const queue = new MemoryQueue(bodies, journal);
  const it = worldOf(queue, {
    ...{ journal, deadLetters: isCopying ? deadLetters : undefined },
    ledger: () => faults.ledger(),
  });
  return Object.assign(it, { letters, faults });
}

describe("rejected messages that are left in the queue", () => {
  test("stay away for longer with each receive, up to an hour, but not if they were damaged on their way", async () => {
    const seconds = async (receives: number, visibilityTimeoutSeconds: number, bodyIntact = true) => {
      const it = world(["bad 0"], false);
      const receive = it.queue.receive.bind(it.queue);
      it.queue.receive = async (options) =>
        (await receive(options)).map((message) => ({ ...message, receiveCount: receives, bodyIntact }));
      await it.run({ visibilityTimeoutSeconds });
      return it.queue.hidden.get("m0-bad 0");
    };
    expect(await Promise.all([1, 2, 3, 4, 1000].map((receives) => seconds(receives, 30)))).toEqual([
      30, 60, 120, 240, 3600,
    ]);
    expect(await seconds(1, 43_200)).toBe(43_200);
    expect(await seconds(3, 0)).toBe(4);
  });

  test("get that visibility, whether the mapping or the table refused them", async () => {
    const it = world(["bad 0", "row 1", "row 2"], false);
    it.table.refused.add("row 2");
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(Object.fromEntries(it.queue.hidden)).toEqual({ "m0-bad 0": 30, "m2-row 2": 30 });
    expect(it.queue.left).toEqual(["m0-bad 0", "m2-row 2"]);
  });

  test("do not end the run if their visibility cannot be changed, and the run tells of it", async () => {
    const it = world(["bad 0", "row 1"], false);
    it.queue.fault = (call) => {
      if (call === "hide") throw new EtlError({ kind: "permission", operation: "hide", message: "no" });
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts).toMatchObject({ received: 2, inserted: 1, rejected: 1 });
    expect(it.troubles).toEqual(["hide"]);
  });
});

describe("messages whose row has no partition", () => {
  test("stay in the queue, hidden for longer each time, and are neither rejected nor copied nor deleted", async () => {
    const it = world(["row 0", "row 1", "bad 2"]);
    it.table.late.add("row 1");
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts).toMatchObject({ received: 3, inserted: 1, rejected: 1, unsettled: 1, deleted: 2 });
    expect(it.queue.left).toEqual(["m1-row 1"]);
    expect(it.queue.hidden.get("m1-row 1")).toBe(30);
    expect(it.letters.map(({ message }) => message.body)).toEqual(["bad 2"]);
    it.queue.timeOut();
    await it.run();
    expect(it.queue.hidden.get("m1-row 1")).toBe(60);
  });

  test("do not keep a run alive that receives them again and again, and count once", async () => {
    const it = world(["row 0", "row 1"], false);
    it.table.late.add("row 1");
    it.queue.fault = (call) => {
      if (call === "attributes" && it.queue.mostDeliveries < 3) it.queue.timeOut();
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.queue.mostDeliveries).toBeGreaterThan(1);
    expect(it.counts).toMatchObject({ received: 2, inserted: 1, unsettled: 1 });
  });

  test("are stored by the same run once their partition is there", async () => {
    const it = world(["row 0", "row 1"], false);
    it.table.late.add("row 1");
    it.queue.fault = (call) => {
      if (call !== "attributes") return;
      it.table.late.clear();
      it.queue.timeOut();
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts).toMatchObject({ received: 2, inserted: 2, unsettled: 0, deleted: 2 });
    expect(it.queue.left).toEqual([]);
  });
});

describe("rejected messages that go to the dead-letter queue", () => {
  test("are copied whole, with their rejection, and only then deleted", async () => {
    const it = world(["bad 0", "row 1", "row 2", "bad 3"]);
    it.table.refused.add("row 2");
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.queue.left).toEqual([]);
    expect(it.letters.map(({ message, rejection }) => [message.body, rejection.reason]).sort()).toEqual([
      ["bad 0", "body_not_json"],
      ["bad 3", "body_not_json"],
      ["row 2", "sqlstate_23514"],
    ]);
    expect(it.counts).toMatchObject({ received: 4, inserted: 1, rejected: 3, deleted: 4 });
    const safe = new Set<string>();
    for (const { event, ids } of it.journal) {
      if (event === "commit" || event === "copy") for (const id of ids) safe.add(id);
      if (event === "delete") for (const id of ids) expect(safe).toContain(id);
    }
  });

  test("stay in the queue where they are not accepted", async () => {
    const it = world(["bad 0", "bad 1"], true, ({ message }) => message.body !== "bad 1");
    await it.run();
    expect(it.queue.left).toEqual(["m1-bad 1"]);
    expect([...it.queue.hidden.keys()]).toEqual(["m1-bad 1"]);
    expect(it.counts).toMatchObject({ received: 2, rejected: 2, deleted: 1 });
    expect(it.events).toContainEqual({ type: "uncopied", messages: 1 });
  });

  test("are not deleted where the copies fail; the run ends with that error", async () => {
    const it = world(["bad 0", "row 1"]);
    const error = new EtlError({ kind: "permission", operation: "dead letters", message: "no" });
    it.faults.copy = () => {
      throw error;
    };
    expect(await it.run()).toEqual({ outcome: "failed", error });
    expect(it.queue.left).toEqual(["m0-bad 0"]);
  });

  test("are copied again where a copy's answer was lost", async () => {
    const it = world(["bad 0"]);
    let failures = 2;
    it.faults.copy = () => {
      if (failures-- > 0) {
        throw new EtlError({
          kind: "unavailable",
          operation: "dead letters",
          message: "lost",
          retryable: true,
        });
      }
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.letters.length).toBe(1);
    expect(it.queue.left).toEqual([]);
  });
});

describe("a message that the table refused and another delivery stored", () => {
  /** The table refuses the message, and has it when the ledger is asked for the `n`th time. */
  const storedAtAsk = (n: number) => {
    const it = world(["row 0", "row 1"]);
    it.table.refused.add("row 1");
    let asks = 0;
    it.faults.ledger = () => {
      asks += 1;
      if (asks === n) it.table.rows.set("m1-row 1", "row 1");
    };
    return it;
  };

  test("is a duplicate: it is deleted, and not copied or counted as rejected", async () => {
    const it = storedAtAsk(1);
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.letters).toEqual([]);
    expect(it.rejections).toEqual([]);
    expect(it.counts).toMatchObject({ received: 2, inserted: 1, duplicates: 1, rejected: 0, deleted: 2 });
    expect(it.queue.left).toEqual([]);
  });

  test("is one also if it was stored while the copy was tried again", async () => {
    const it = storedAtAsk(3);
    let failures = 2;
    it.faults.copy = () => {
      if (failures-- > 0) throw passing("dead letters");
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.letters).toEqual([]);
    expect(it.counts).toMatchObject({ duplicates: 1, rejected: 0 });
  });

  test("is not copied if the ledger cannot be asked: it goes back to the queue, and the run ends with 75", async () => {
    const it = storedAtAsk(0);
    it.faults.ledger = () => {
      throw passing("look up messages");
    };
    expect(await it.run()).toMatchObject({ outcome: "failed", error: { exitCode: 75 } });
    expect(it.letters).toEqual([]);
    expect(it.queue.visible).toEqual(["m1-row 1"]);
    expect(it.counts).toMatchObject({ received: 2, inserted: 1, rejected: 0, released: 1 });
  });
});

test("a message that was copied and whose delete was lost is deleted when it comes again, and not stored", async () => {
  const it = world(["row 0", "row 1"]);
  it.table.refused.add("row 1");
  const remove = it.queue.delete.bind(it.queue);
  let lost = 0;
  it.queue.delete = async (handles) => {
    if (lost > 0 || it.letters.length === 0) return remove(handles);
    lost = handles.length;
    return { settled: handles.length, failed: 0 };
  };
  it.queue.claimedVisible = 1;
  it.queue.fault = (call) => {
    if (call !== "attributes") return;
    // From now on the table takes it.
    it.table.refused.clear();
    it.queue.timeOut();
  };
  expect(await it.run()).toEqual({ outcome: "drained" });
  expect(lost).toBe(1);
  expect(it.letters.map(({ message }) => message.body)).toEqual(["row 1"]);
  expect([...it.table.rows.values()]).toEqual(["row 0"]);
  expect(it.queue.left).toEqual([]);
  expect(it.counts).toMatchObject({ received: 2, inserted: 1, rejected: 1, duplicates: 0 });
});

describe("a table that refuses everything for one reason", () => {
  const all = Array.from({ length: 120 }, (_, index) => `row ${index}`);

  for (const deadLetters of [false, true]) {
    test(`ends the run as a wrong set-up, with nothing rejected${deadLetters ? " or copied" : ""}`, async () => {
      const it = world(all, deadLetters);
      for (const body of all) it.table.refused.add(body);
      const end = await it.run();
      expect(end.outcome).toBe("failed");
      expect(end.error).toMatchObject({ kind: "config", exitCode: 78 });
      expect(it.counts).toMatchObject({ rejected: 0, deleted: 0 });
      expect(it.counts.released).toBe(it.counts.received);
      expect(it.letters).toEqual([]);
      expect(it.queue.visible.length).toBe(120);
    });
  }

  test("does not stop it where rows are stored in between, however many are refused", async () => {
    const it = world(all, false);
    for (const body of all) if (!body.endsWith("7")) it.table.refused.add(body);
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts).toMatchObject({ inserted: 12, rejected: 108 });
  });

  test("does not stop it where a batch has rows that are stored, however many of it are refused", async () => {
    const it = world(all, false);
    it.table.refused.add("row 0");
    for (const body of all.slice(20)) it.table.refused.add(body);
    // All the others wait until the first load has answered, and are a batch then.
    const sizes: number[] = [];
    const held = Promise.withResolvers<void>();
    it.queue.fault = (call) => {
      if (call === "receive" && it.queue.visible.length === 0) held.resolve();
    };
    it.table.fault = async ({ length }) => {
      sizes.push(length);
      if (sizes.length === 1) await held.promise;
    };
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(Math.max(...sizes)).toBe(100);
    expect(it.counts).toMatchObject({ inserted: 19, rejected: 101 });
  });

  test("rejects a few, where the queue has no more that could tell", async () => {
    const it = world(all.slice(0, 20), false);
    for (const body of all) it.table.refused.add(body);
    expect(await it.run()).toEqual({ outcome: "drained" });
    expect(it.counts).toMatchObject({ received: 20, rejected: 20 });
    expect(it.queue.hidden.size).toBe(20);
  });
});

test("a message that the table refused is tried again when it comes round, and counted once either way", async () => {
  const it = world(["row 0", "row 1"], false);
  it.table.refused.add("row 1");
  it.queue.fault = (call) => {
    // The end of the drain is near, and everything else has settled.
    if (call !== "attributes") return;
    it.table.refused.clear();
    it.queue.timeOut();
  };
  it.queue.claimedVisible = 1;
  await it.run();
  expect(it.table.rows.size).toBe(2);
  expect(it.queue.left).toEqual([]);
  expect(it.counts).toMatchObject({ received: 2, inserted: 2, rejected: 0 });
  expect(it.counts.rejections).toEqual({});
});
