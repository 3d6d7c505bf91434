import { describe, expect, test } from "bun:test";
import type { LetterFacts } from "../../../src/commands/rejects/letter-check.ts";
import { lookAtLetters } from "../../../src/commands/rejects/letter-look.ts";
import {
  type LetterMoveParts,
  type MoveCounts,
  moveLetters,
  noLetters,
} from "../../../src/commands/rejects/letter-move.ts";
import { EtlError } from "../../../src/errors.ts";
import type { Message } from "../../../src/message/message.ts";
import { MemoryQueue } from "../../support/memory-ports.ts";

const bodies = (count: number) => Array.from({ length: count }, (_, index) => `b${index}`);
const away = () => new EtlError({ kind: "unavailable", operation: "x", message: "away", retryable: true });

/** A move out of a queue in memory; what arrives is in `sent`. */
function world(queue: MemoryQueue, changes: Partial<LetterMoveParts> = {}) {
  const sent: string[] = [];
  const counts = noLetters();
  const parts: LetterMoveParts = {
    from: queue,
    to: {
      async send(messages) {
        queue.journal.push({ event: "copy", ids: messages.map(({ messageId }) => messageId) });
        sent.push(...messages.map(({ body }) => body));
        return new Set(messages.keys());
      },
    },
    check: async (letters) => letters.map(facts),
    fifo: false,
    max: 1_000,
    stop: new AbortController().signal,
    onMoved() {},
    onProgress() {},
    ...changes,
  };
  return { sent, counts, run: () => moveLetters(parts, counts) };
}

const facts = ({ body }: Message): LetterFacts => ({
  stored: body.startsWith("stored"),
  reason: "field_null",
});
const plain = ({ reasons, ...counts }: MoveCounts) => ({ ...counts, reasons: Object.fromEntries(reasons) });

describe("a move", () => {
  test("sends each message once, and deletes it after that", async () => {
    const queue = new MemoryQueue(bodies(37));
    const { sent, counts, run } = world(queue);
    await run();
    expect(sent.toSorted()).toEqual(bodies(37).toSorted());
    expect(plain(counts)).toEqual({
      moved: 37,
      stored: 0,
      left: 0,
      undeleted: 0,
      reasons: { field_null: 37 },
    });
    expect(queue.left).toEqual([]);
    for (const [at, { event, ids }] of queue.journal.entries()) {
      if (event !== "delete") continue;
      const before = queue.journal.slice(0, at).flatMap((entry) => (entry.event === "copy" ? entry.ids : []));
      expect(ids.filter((id) => !before.includes(id))).toEqual([]);
    }
  });

  test("deletes what is stored, and does not send it", async () => {
    const queue = new MemoryQueue(["a", "stored-1", "b", "stored-2"]);
    const { sent, counts, run } = world(queue);
    await run();
    expect(sent).toEqual(["a", "b"]);
    expect(plain(counts)).toMatchObject({ moved: 2, stored: 2, reasons: { field_null: 2 } });
    expect(queue.left).toEqual([]);
  });

  test("counts what several calls do at once", async () => {
    const queue = new MemoryQueue(
      Array.from({ length: 80 }, (_, index) => (index < 40 ? `stored-${index}` : `b${index}`)),
    );
    const { counts, run } = world(queue);
    await run();
    expect(plain(counts)).toMatchObject({ moved: 40, stored: 40, left: 0, undeleted: 0 });
  });

  test("does not send again what could not be deleted and comes round, but deletes it", async () => {
    const queue = new MemoryQueue(bodies(12));
    for (const id of queue.left.slice(0, 3)) queue.undeletable.add(id);
    const { sent, counts, run } = world(queue);
    await run();
    expect(sent).toHaveLength(12);
    expect(plain(counts)).toMatchObject({ moved: 12, undeleted: 0 });
    expect(queue.left).toEqual([]);
  });

  test("leaves what is not accepted, tries it once, and gives it back", async () => {
    const queue = new MemoryQueue(bodies(15));
    let calls = 0;
    const refusing = {
      async send(messages: readonly Message[]) {
        calls += 1;
        // The one that is left comes round, on a new handle.
        if (calls === 2) queue.timeOut();
        return new Set([...messages.keys()].filter((place) => messages[place]?.body !== "b4"));
      },
    };
    const { counts, run } = world(queue, { to: refusing, fifo: true });
    await run();
    expect(calls).toBe(2);
    expect(plain(counts)).toMatchObject({ moved: 14, left: 1, undeleted: 0 });
    expect(queue.left).toEqual(["m4-b4"]);
    expect(queue.visible).toEqual(queue.left);
  });

  test("tells of what was accepted, once it was, and of nothing else", async () => {
    const queue = new MemoryQueue(["stored-1", ...bodies(15)]);
    const accepted: string[] = [];
    const told: string[] = [];
    const { run } = world(queue, {
      to: {
        async send(messages) {
          const taken = [...messages.keys()].filter((place) => messages[place]?.body !== "b4");
          accepted.push(...taken.map((place) => messages[place]?.body ?? ""));
          return new Set(taken);
        },
      },
      onMoved(letters) {
        told.push(...letters.map(({ body }) => body));
        expect(accepted).toEqual(expect.arrayContaining(told));
      },
    });
    await run();
    expect(told.toSorted()).toEqual(
      bodies(15)
        .filter((body) => body !== "b4")
        .toSorted(),
    );
  });

  test("takes no more than the most, with several calls at once", async () => {
    const queue = new MemoryQueue(bodies(60));
    const { counts, run } = world(queue, { max: 33 });
    await run();
    expect(counts.moved).toBe(33);
    expect(queue.visible).toHaveLength(27);
  });

  test("a stop lets what is in hand be settled, and receives no more", async () => {
    const queue = new MemoryQueue(bodies(200));
    const stop = new AbortController();
    const { counts, run } = world(queue, { stop: stop.signal, onProgress: () => stop.abort() });
    await run();
    expect(counts.moved).toBeGreaterThan(0);
    expect(counts.moved).toBeLessThan(100);
    expect(queue.visible).toHaveLength(200 - counts.moved);
  });

  test.each<[name: string, changes: Partial<LetterMoveParts>]>([
    ["the ledger does not answer", { check: () => Promise.reject(away()) }],
    ["the queue takes nothing", { to: { send: () => Promise.reject(away()) } }],
  ])("gives everything back where %s, and says why", async (_, changes) => {
    const queue = new MemoryQueue(bodies(25));
    const told: Message[] = [];
    const { counts, run } = world(queue, { ...changes, onMoved: (letters) => told.push(...letters) });
    await expect(run()).rejects.toMatchObject({ kind: "unavailable" });
    expect(counts.moved).toBe(0);
    expect(told).toEqual([]);
    expect(queue.visible).toHaveLength(25);
  });
});

describe("a look", () => {
  const look = (queue: MemoryQueue, max = 1_000) =>
    lookAtLetters({
      from: queue,
      max,
      check: async (letters) => letters.map(facts),
      stop: new AbortController().signal,
    });

  test("sees each message once, and gives all back", async () => {
    const queue = new MemoryQueue([...bodies(23), "stored-1"]);
    const { seen, stored, reasons } = await look(queue);
    expect({ seen, stored, reasons: Object.fromEntries(reasons) }).toEqual({
      ...{ seen: 24, stored: 1, reasons: { field_null: 24 } },
    });
    expect(queue.visible).toHaveLength(24);
    expect(queue.journal.some(({ event }) => event === "delete")).toBe(false);
  });

  test("ends at the most, and gives back where it fails", async () => {
    const queue = new MemoryQueue(bodies(40));
    expect((await look(queue, 15)).seen).toBe(15);
    const failing = lookAtLetters({
      ...{ from: queue, max: 40, check: () => Promise.reject(away()), stop: new AbortController().signal },
    });
    await expect(failing).rejects.toMatchObject({ kind: "unavailable" });
    expect(queue.visible).toHaveLength(40);
  });
});
