import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EtlError } from "../../src/errors.ts";
import { commitUnknown } from "../../src/processing/outcome.ts";
import { expectToAddUp, worldOf } from "../support/drain-world.ts";
import { type Journal, MemoryQueue, MemoryTable } from "../support/memory-ports.ts";

/** A small generator of the same faults for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const faults = fc.record({
  seed: fc.integer(),
  messages: fc.integer({ min: 0, max: 120 }),
  bad: fc.constantFrom(0, 0.1, 0.1, 0.9, 1),
  refused: fc.constantFrom(0, 0.1, 0.1, 0.9, 1),
  deadLetters: fc.boolean(),
  receive: fc.double({ min: 0, max: 0.4, noNaN: true }),
  load: fc.double({ min: 0, max: 0.4, noNaN: true }),
  lostAnswer: fc.double({ min: 0, max: 0.4, noNaN: true }),
  deletes: fc.double({ min: 0, max: 0.4, noNaN: true }),
  undeletable: fc.double({ min: 0, max: 0.3, noNaN: true }),
  timeOut: fc.double({ min: 0, max: 0.05, noNaN: true }),
  lasting: fc.double({ min: 0, max: 0.1, noNaN: true }),
  stop: fc.double({ min: 0, max: 0.05, noNaN: true }),
  batchSize: fc.integer({ min: 1, max: 30 }),
  receivers: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
  connections: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  maxInFlight: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
});

describe("whatever fails, whenever", () => {
  test("every message ends as one row, one rejection, or is still in the queue", async () => {
    await fc.assert(
      fc.asyncProperty(faults, async (rates) => {
        const random = seeded(rates.seed);
        const bodies = Array.from({ length: rates.messages }, (_, index) =>
          random() < rates.bad
            ? `bad ${index}`
            : random() < rates.refused
              ? `refused ${index}`
              : `row ${index}`,
        );
        const journal: Journal = [];
        const queue = new MemoryQueue(bodies, journal);
        const table = new MemoryTable(journal);
        for (const body of bodies) if (body.startsWith("refused")) table.refused.add(body);
        table.reasonOf = (text) => (text.endsWith("1") ? "sqlstate_23502" : "sqlstate_23514");
        const copied = new Set<string>();
        const ids = queue.left;
        const good = ids.filter((id) => id.includes("row"));
        const fault = (rate: number, operation: string, code?: string) => {
          if (random() >= rate) return;
          const retryable = code !== undefined || random() >= rates.lasting;
          throw new EtlError({ kind: "unavailable", operation, message: "fault", retryable, code });
        };
        for (let run = 0; run < 400; run += 1) {
          const it = worldOf(queue, {
            ...{ journal, table, random },
            deadLetters: rates.deadLetters
              ? {
                  async send(letters) {
                    if (!calm) fault(rates.deletes, "dead letters");
                    for (const { message } of letters) copied.add(message.messageId);
                    return new Set(letters.keys());
                  },
                }
              : undefined,
          });
          // The last run meets no faults: whatever the runs before it left must be in order by then.
          const calm = run > 20;
          queue.timeOut();
          queue.fault = (call) => {
            if (calm) return;
            if (random() < rates.timeOut) queue.timeOut();
            if (random() < rates.stop) it.graceful.abort();
            if (random() < rates.undeletable) {
              const [id] = queue.left;
              if (id !== undefined) queue.undeletable.add(id);
            }
            fault(call === "receive" ? rates.receive : rates.deletes, call);
          };
          table.fault = () => (calm ? undefined : fault(rates.load, "load"));
          table.lostAnswer = () => (calm ? undefined : fault(rates.lostAnswer, "load", commitUnknown));
          const end = await it.run({ ...rates, giveUpAfterMillis: 60_000 });
          expect(it.open).toBe(0);
          expectToAddUp(it.counts);
          const left = new Set(queue.left);
          for (const id of ids) expect(table.rows.has(id) || copied.has(id) || left.has(id)).toBe(true);
          if (calm && end.outcome === "drained") break;
        }
        expect([...table.rows.keys()].sort()).toEqual([...good].sort());
        const others = ids.filter((id) => !id.includes("row"));
        expect(queue.left.sort()).toEqual(rates.deadLetters ? [] : others.sort());
        expect([...copied].sort()).toEqual(rates.deadLetters ? others.sort() : []);
        const committed = new Set(journal.flatMap(({ event, ids }) => (event === "commit" ? ids : [])));
        expect([...committed].sort()).toEqual([...good].sort());
      }),
      { numRuns: 150 },
    );
  });
});
