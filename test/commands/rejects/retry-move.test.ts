import { describe, expect, test } from "bun:test";
import {
  lookAtDeadLetters,
  type MoveCounts,
  type MoveParts,
  moveDeadLetters,
} from "../../../src/commands/rejects/retry-move.ts";
import type { LookUp } from "../../../src/commands/rejects/retry-records.ts";
import { EtlError } from "../../../src/errors.ts";
import { MemoryQueue, mapBody } from "../../support/memory-ports.ts";

const never = new AbortController().signal;
const bodies = (count: number) => Array.from({ length: count }, (_, index) => `b${index}`);
const fail = () =>
  Promise.reject(new EtlError({ kind: "unavailable", operation: "x", message: "away", retryable: true }));
const lookUp: LookUp = async (deadLetters) =>
  deadLetters.map(({ body }) => ({ stored: body.includes("stored"), reason: "field_null" }));

/** A move out of a queue in memory; what arrives is in `sent`, and what the move tells of in `told`. */
function world(
  queue: MemoryQueue,
  changes: Partial<MoveParts> = {},
  refused: string | undefined = undefined,
) {
  const sent: string[] = [];
  const told: string[] = [];
  const counts: MoveCounts = { moved: 0, stored: 0, left: 0, undeleted: 0, reasons: new Map() };
  const parts: MoveParts = {
    from: queue,
    to: {
      async send(messages) {
        const accepted = messages.filter(({ body }) => body !== refused);
        queue.journal.push({ event: "copy", ids: accepted.map(({ messageId }) => messageId) });
        sent.push(...accepted.map(({ body }) => body));
        return new Set(accepted.map((message) => messages.indexOf(message)));
      },
    },
    lookUp,
    fifo: false,
    max: 1_000,
    stop: new AbortController().signal,
    onMoved(deadLetters) {
      told.push(...deadLetters.map(({ body }) => body));
      expect(sent).toEqual(expect.arrayContaining(told));
    },
    onProgress() {},
    ...changes,
  };
  return { sent, told, counts, run: () => moveDeadLetters(parts, counts) };
}

describe("moving dead letters back", () => {
  test("sends each message once, and deletes it only after that", async () => {
    const queue = new MemoryQueue(bodies(37));
    const { sent, counts, run } = world(queue);
    await run();
    expect(sent.toSorted()).toEqual(bodies(37).toSorted());
    const reasons = new Map([["field_null", 37]]);
    expect(counts).toEqual({ moved: 37, stored: 0, left: 0, undeleted: 0, reasons });
    expect(queue.left).toEqual([]);
    for (const [at, { event, ids }] of queue.journal.entries()) {
      if (event !== "delete") continue;
      const before = queue.journal.slice(0, at).flatMap((entry) => (entry.event === "copy" ? entry.ids : []));
      expect(ids.filter((id) => !before.includes(id))).toEqual([]);
    }
  });

  test("deletes what is stored, and does not send it, with several calls at once", async () => {
    const stored = bodies(40).map((body) => `stored-${body}`);
    const queue = new MemoryQueue([...stored, ...bodies(40)]);
    const { sent, counts, run } = world(queue);
    await run();
    expect(sent.toSorted()).toEqual(bodies(40).toSorted());
    const reasons = new Map([["field_null", 40]]);
    expect(counts).toEqual({ moved: 40, stored: 40, left: 0, undeleted: 0, reasons });
    expect(queue.left).toEqual([]);
  });

  test("does not send again what could not be deleted and comes round, but deletes it", async () => {
    const queue = new MemoryQueue(bodies(12));
    for (const id of queue.left.slice(0, 3)) queue.undeletable.add(id);
    const { sent, counts, run } = world(queue);
    await run();
    expect(sent).toHaveLength(12);
    expect(counts).toMatchObject({ moved: 12, undeleted: 0 });
    expect(queue.left).toEqual([]);
  });

  test("leaves what is not accepted, tries it once, and gives it back", async () => {
    const queue = new MemoryQueue(bodies(15));
    let batches = 0;
    const onProgress = () => {
      batches += 1;
      // The one that is left comes round, on a new handle.
      if (batches === 2) queue.timeOut();
    };
    const { counts, run } = world(queue, { fifo: true, onProgress }, "b4");
    await run();
    expect(batches).toBe(2);
    expect(counts).toMatchObject({ moved: 14, left: 1, undeleted: 0 });
    expect(queue.left).toEqual(["m4-b4"]);
    expect(queue.visible).toEqual(queue.left);
  });

  test("tells of what was accepted, once it was, and of nothing else", async () => {
    const queue = new MemoryQueue(["stored-1", ...bodies(15)]);
    const { told, run } = world(queue, {}, "b4");
    await run();
    const accepted = bodies(15).filter((body) => body !== "b4");
    expect(told.toSorted()).toEqual(accepted.toSorted());
  });

  test("takes no more than the most, with several calls at once", async () => {
    const queue = new MemoryQueue(bodies(60));
    const { counts, run } = world(queue, { max: 33 });
    await run();
    expect(counts.moved).toBe(33);
    expect(queue.visible).toHaveLength(27);
  });

  test("settles what is in hand at a stop, and receives no more", async () => {
    const queue = new MemoryQueue(bodies(200));
    const stop = new AbortController();
    const { counts, run } = world(queue, { stop: stop.signal, onProgress: () => stop.abort() });
    await run();
    expect(counts.moved).toBeGreaterThan(0);
    expect(counts.moved).toBeLessThan(100);
    expect(queue.visible).toHaveLength(200 - counts.moved);
  });

  test.each<[name: string, changes: Partial<MoveParts>]>([
    ["the ledger does not answer", { lookUp: fail }],
    ["the queue takes nothing", { to: { send: fail } }],
  ])("gives everything back if %s, and says why", async (_, changes) => {
    const queue = new MemoryQueue(bodies(25));
    const { told, counts, run } = world(queue, changes);
    await expect(run()).rejects.toMatchObject({ kind: "unavailable" });
    expect(counts.moved).toBe(0);
    expect(told).toEqual([]);
    expect(queue.visible).toHaveLength(25);
  });
});

describe("looking at dead letters", () => {
  const look = (queue: MemoryQueue, changes: Partial<Parameters<typeof lookAtDeadLetters>[0]> = {}) =>
    lookAtDeadLetters({
      from: queue,
      max: 1_000,
      lookUp,
      stop: { graceful: never, forced: never },
      ...changes,
    });

  test("sees each message once, and gives all back", async () => {
    const queue = new MemoryQueue([...bodies(23), "stored-1"]);
    const reasons = new Map([["field_null", 24]]);
    expect(await look(queue)).toEqual({ seen: 24, stored: 1, rejectedAgain: 0, reasons });
    expect(queue.visible).toHaveLength(24);
    expect(queue.journal.some(({ event }) => event === "delete")).toBe(false);
  });

  test("tells how many the mapping would reject again, of those that are not stored", async () => {
    const queue = new MemoryQueue(["bad 1", "row 2", "bad 3", "bad stored"]);
    expect(await look(queue, { mapMessage: mapBody })).toMatchObject({
      seen: 4,
      stored: 1,
      rejectedAgain: 2,
    });
  });

  test("ends at the most, and gives back if it fails", async () => {
    const queue = new MemoryQueue(bodies(40));
    expect((await look(queue, { max: 15 })).seen).toBe(15);
    await expect(look(queue, { lookUp: fail })).rejects.toMatchObject({ kind: "unavailable" });
    expect(queue.visible).toHaveLength(40);
  });
});
