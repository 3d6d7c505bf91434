import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { DrainLimits } from "../../src/polling/drain.ts";
import type { DeadLetter, Source } from "../../src/polling/ports.ts";
import { acceptingDeadLetters, expectToAddUp, lasting, passing, worldOf } from "../support/drain-world.ts";
import { FifoQueue } from "../support/fifo-queue.ts";
import { type Journal, MemoryQueue } from "../support/memory-ports.ts";

/** A drain with a dead-letter queue. */
function world<Queue extends Source>(queue: Queue, journal: Journal = []) {
  const letters: DeadLetter[] = [];
  const it = worldOf(queue, { journal, deadLetters: acceptingDeadLetters(letters, journal) });
  const { run } = it;
  return Object.assign(it, {
    letters,
    async run(changes: Partial<DrainLimits> = {}) {
      const end = await run(changes);
      expectToAddUp(it.counts);
      return end;
    },
  });
}

const bad = (count: number) => Array.from({ length: count }, (_, index) => `bad ${index}`);

function memoryWorld(bodies: readonly string[]) {
  const journal: Journal = [];
  return world(new MemoryQueue(bodies, journal), journal);
}

describe("messages of which none becomes a row", () => {
  test("end the run as a wrong mapping, with nothing rejected or copied", async () => {
    const it = memoryWorld(bad(120));
    const end = await it.run();
    expect(end.outcome).toBe("failed");
    expect(end.error).toMatchObject({ kind: "config", exitCode: 78, operation: "map" });
    expect(it.counts).toMatchObject({ rejected: 0, deleted: 0 });
    expect(it.letters).toEqual([]);
    expect(it.queue.visible.length).toBe(120);
  });

  test("do so whatever their reasons, and though some of them were looked at before", async () => {
    const it = memoryWorld(bad(120));
    for (let look = 0; look < 4; look += 1) {
      await it.queue.receive({ maxMessages: 20, waitSeconds: 0, signal: new AbortController().signal });
      it.queue.timeOut();
    }
    expect((await it.run()).error).toMatchObject({ kind: "config", operation: "map" });
    expect(it.counts).toMatchObject({ rejected: 0, deleted: 0 });
    expect(it.queue.visible.length).toBe(120);
  });

  test("are rejected by a later run, once they have been received a few times", async () => {
    const it = memoryWorld(bad(120));
    for (let run = 0; it.queue.visible.length > 0; run += 1) {
      expect(run).toBeLessThan(20);
      await it.run();
    }
    expect(it.queue.left).toEqual([]);
    expect(it.letters).toHaveLength(120);
  });

  test("are rejected where a row has come before them", async () => {
    const it = memoryWorld(["row 0", ...bad(120)]);
    expect(await it.run()).toMatchObject({ outcome: "drained" });
    expect(it.counts).toMatchObject({ inserted: 1, rejected: 120 });
  });

  test("are rejected once a row comes after them, and only then", async () => {
    const it = memoryWorld([...bad(49), "row 0", ...bad(70).map((body) => `${body} more`)]);
    expect(await it.run()).toMatchObject({ outcome: "drained" });
    const events = it.journal.filter(({ event }) => event === "commit" || event === "copy");
    expect(events[0]?.event).toBe("commit");
    expect(it.counts).toMatchObject({ inserted: 1, rejected: 119 });
  });

  test("end the run though they come few at a time: in groups of a FIFO queue", async () => {
    const it = world(
      new FifoQueue(
        Array.from({ length: 300 }, (_, index) => ({ group: `g${index % 6}`, body: `bad ${index}` })),
      ),
    );
    expect((await it.run()).error).toMatchObject({ kind: "config", operation: "map" });
    expect(it.letters.length).toBeLessThan(50);
    expect(it.queue.left.length).toBeGreaterThan(250);
  });

  test("end the run though the queue was empty between them", async () => {
    const it = memoryWorld(bad(25));
    let more = 0;
    it.queue.fault = (call) => {
      if (call !== "receive" || it.letters.length !== 25 * (more + 1) || more === 3) return;
      more += 1;
      it.queue.send(bad(25));
    };
    expect((await it.run({ follow: true })).error).toMatchObject({ kind: "config", operation: "map" });
    expect(it.letters).toHaveLength(25);
  });

  test("are rejected where they are few, and the queue has no more that could tell", async () => {
    const it = memoryWorld(bad(49));
    expect(await it.run()).toMatchObject({ outcome: "drained" });
    expect(it.counts).toMatchObject({ received: 49, rejected: 49, deleted: 49 });
  });

  test("are rejected where --max-messages lets no more come that could tell", async () => {
    const it = memoryWorld(bad(120));
    expect(await it.run({ maxMessages: 30 })).toMatchObject({ outcome: "limit" });
    expect(it.counts).toMatchObject({ received: 30, rejected: 30, deleted: 30 });
  });

  test("and rows that the table refuses beside them: both go back", async () => {
    const it = memoryWorld(bad(120).flatMap((body, index) => [body, `row ${index}`]));
    for (let index = 0; index < 120; index += 1) it.table.refused.add(`row ${index}`);
    expect((await it.run()).error).toMatchObject({ kind: "config" });
    expect(it.counts.released).toBe(it.counts.received);
    expect(it.queue.visible.length).toBe(240);
  });
});

describe("what is held back goes back to the queue, and is not copied", () => {
  test("at a stop", async () => {
    const it = memoryWorld(bad(1000));
    let receives = 0;
    it.queue.fault = (call) => {
      if (call !== "receive") return;
      receives += 1;
      if (receives === 4) it.graceful.abort();
    };
    expect(await it.run({ receivers: 1 })).toMatchObject({ outcome: "stopped" });
    expect(it.counts.received).toBeGreaterThanOrEqual(40);
    expect(it.counts).toMatchObject({ rejected: 0, deleted: 0 });
    expect(it.queue.visible.length).toBe(1000);
  });

  test("where the queue fails for good", async () => {
    const it = memoryWorld(bad(1000));
    let receives = 0;
    it.queue.fault = (call) => {
      if (call !== "receive") return;
      receives += 1;
      if (receives === 4) throw lasting("receive");
    };
    expect(await it.run({ receivers: 1 })).toMatchObject({ outcome: "failed" });
    expect(it.counts.received).toBe(30);
    expect(it.counts).toMatchObject({ rejected: 0, deleted: 0 });
    expect(it.queue.visible.length).toBe(1000);
  });

  test("refused rows, at a stop while the table fails", async () => {
    const it = memoryWorld(Array.from({ length: 60 }, (_, index) => `row ${index}`));
    for (let index = 0; index < 30; index += 1) it.table.refused.add(`row ${index}`);
    let loads = 0;
    it.table.fault = () => {
      loads += 1;
      if (loads <= 3) return;
      it.graceful.abort();
      throw passing("load");
    };
    expect(await it.run({ receivers: 1, batchSize: 10 })).toMatchObject({ outcome: "stopped" });
    expect(it.counts).toMatchObject({ inserted: 0, rejected: 0, deleted: 0 });
    expect(it.queue.visible.length).toBe(60);
  });
});

test("refusals for many reasons are not held back without end", async () => {
  const bodies = Array.from({ length: 1000 }, (_, index) => `row ${index}`);
  const it = memoryWorld(bodies);
  for (const body of bodies) it.table.refused.add(body);
  let most = 0;
  it.table.reasonOf = (body) => (Number(body.slice(4)) % 2 === 0 ? "sqlstate_23514" : "sqlstate_23505");
  it.queue.fault = () => {
    most = Math.max(most, it.open);
  };
  expect(await it.run({ batchSize: 10, maxInFlight: 20 })).toMatchObject({ outcome: "drained" });
  expect(it.counts).toMatchObject({ received: 1000, rejected: 1000 });
  expect(most).toBeLessThanOrEqual(100 + 20);
});

describe("a group of a FIFO queue whose message is held back", () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ group: "g", body: `row ${index}` }));

  test.each([10, 15, 18, 19, 1000])("does not stop the drain, with room for %d", async (maxInFlight) => {
    const it = world(new FifoQueue([{ group: "g", body: "bad" }, ...rows(29)]));
    expect(await it.run({ maxInFlight })).toMatchObject({ outcome: "drained" });
    expect(it.counts).toMatchObject({ inserted: 29, rejected: 1, deleted: 30 });
    expect(it.letters).toHaveLength(1);
  });

  test("does not hold up a stop: all of the group goes back", async () => {
    const it = world(new FifoQueue([{ group: "g", body: "bad" }, ...rows(29)]));
    let receives = 0;
    it.queue.onReceive = () => {
      receives += 1;
      if (receives === 2) it.graceful.abort();
    };
    expect(await it.run({ receivers: 1 })).toMatchObject({ outcome: "stopped" });
    expect(it.counts.released).toBe(it.counts.received);
    expect(it.counts.unsettled).toBe(0);
    expect(it.queue.left).toHaveLength(30);
  });

  test("does not where the table refused it after rows of the group were stored", async () => {
    const it = world(new FifoQueue([...rows(5), { group: "g", body: "row refused" }, ...rows(29).slice(5)]));
    it.table.refused.add("row refused");
    expect(await it.run({ maxInFlight: 10 })).toMatchObject({ outcome: "drained" });
    expect(it.counts).toMatchObject({ inserted: 29, rejected: 1, deleted: 30 });
  });
});

const fifoWorlds = fc.record({
  messages: fc.array(
    fc.record({
      group: fc.constantFrom("a", "b", "c"),
      kind: fc.constantFrom("row", "row", "row", "bad", "row refused"),
    }),
    { maxLength: 120 },
  ),
  batchSize: fc.constantFrom(1, 10, 500),
  receivers: fc.constantFrom(undefined, 1, 4),
  maxInFlight: fc.constantFrom(undefined, 10, 25, 400),
  stopAtReceive: fc.constantFrom(undefined, undefined, 1, 2, 3, 5, 8),
});

test("a FIFO queue of anything: each run ends and adds up, and its groups keep their order", async () => {
  await fc.assert(
    fc.asyncProperty(fifoWorlds, async ({ messages, stopAtReceive, ...changes }) => {
      const all = messages.map(({ group, kind }, index) => ({ group, body: `${kind} ${index}` }));
      const queue = new FifoQueue(all);
      const stored = new Map<string, string>();
      const copied: string[] = [];
      for (let run = 0; queue.left.length > 0; run += 1) {
        expect(run).toBeLessThan(60);
        queue.timeOut();
        const it = world(queue);
        for (const { body } of all) if (body.startsWith("row refused")) it.table.refused.add(body);
        let receives = 0;
        queue.onReceive = () => {
          receives += 1;
          if (run === 0 && receives === stopAtReceive) it.graceful.abort();
        };
        await it.run(changes);
        for (const [id, body] of it.table.rows) stored.set(id, body);
        copied.push(...it.letters.map(({ message }) => message.body));
      }
      const bodiesOf = (found: readonly string[], group: string) =>
        found.filter((body) => all.some((one) => one.group === group && one.body === body));
      const good = all.map(({ body }) => body).filter((body) => /^row \d/.test(body));
      for (const group of ["a", "b", "c"])
        expect(bodiesOf([...stored.values()], group)).toEqual(bodiesOf(good, group));
      expect(copied.length).toBe(all.length - good.length);
      expect(queue.overtaken).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
