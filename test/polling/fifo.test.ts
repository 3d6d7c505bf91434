import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EtlError } from "../../src/errors.ts";
import type { DeadLetter } from "../../src/polling/ports.ts";
import { acceptingDeadLetters, worldOf } from "../support/drain-world.ts";
import { type FifoMessage, FifoQueue } from "../support/fifo-queue.ts";
import { type MemoryTable, turn } from "../support/memory-ports.ts";

async function run(queue: FifoQueue, letters?: DeadLetter[], refused: readonly string[] = []) {
  const it = worldOf(queue, { deadLetters: letters && acceptingDeadLetters(letters) });
  for (const body of refused) it.table.refused.add(body);
  const end = await it.run();
  expect(it.open).toBe(0);
  return { ...end, counts: it.counts, table: it.table };
}

/** The bodies of a group in the order in which their rows were stored. */
function stored(table: MemoryTable, messages: readonly FifoMessage[], group: string): string[] {
  const bodies = new Set(messages.filter((message) => message.group === group).map(({ body }) => body));
  return [...table.rows.values()].filter((body) => bodies.has(body));
}

const numbered = (group: string, count: number): FifoMessage[] =>
  Array.from({ length: count }, (_, index) => ({ group, body: `row ${group}${index}` }));

describe("a FIFO queue", () => {
  test("keeps each group's order into the table, and no delete overtakes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 40 }),
        fc.nat(9),
        async (groups, pace) => {
          const messages = groups.map((group, index) => ({ group, body: `row ${index}` }));
          const queue = new FifoQueue(messages);
          // Several loads at a time, and later ones may be faster.
          const it = worldOf(queue);
          let loads = 0;
          it.table.fault = async () => {
            loads += 1;
            for (let turns = (loads * pace) % 7; turns > 0; turns -= 1) await turn();
          };
          const { outcome } = await it.run({ connections: 4, batchSize: 1 });
          const { table } = it;
          expect(outcome).toBe("drained");
          for (const group of ["a", "b", "c"]) {
            const expected = messages.filter((message) => message.group === group).map(({ body }) => body);
            expect(stored(table, messages, group)).toEqual(expected);
          }
          expect(queue.overtaken).toEqual([]);
          expect(queue.left).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a message left behind holds back its group, and no other", async () => {
    const messages = [
      ...numbered("a", 2),
      { group: "a", body: "bad a" },
      { group: "a", body: "row behind" },
      ...numbered("b", 3),
    ];
    const queue = new FifoQueue(messages);
    const { outcome, counts, table } = await run(queue);
    expect(outcome).toBe("drained");
    expect([...table.rows.values()].sort()).toEqual(["row a0", "row a1", "row b0", "row b1", "row b2"]);
    expect(queue.left).toEqual(["bad a", "row behind"]);
    expect(counts.rejected).toBe(1);
  });

  test("so does one that the table refuses", async () => {
    const messages = numbered("a", 4);
    const queue = new FifoQueue(messages);
    const { table } = await run(queue, undefined, ["row a1"]);
    expect([...table.rows.values()]).toEqual(["row a0"]);
    expect(queue.left).toEqual(["row a1", "row a2", "row a3"]);
  });

  test("does not keep a run alive whose deletes are refused", async () => {
    const messages = numbered("a", 4);
    const queue = new FifoQueue(messages);
    const error = new EtlError({ kind: "permission", operation: "delete", message: "no" });
    queue.delete = () => Promise.reject(error);
    const end = await run(queue);
    expect(end).toMatchObject({ outcome: "failed", error });
    expect(stored(end.table, messages, "a")).toEqual(messages.map(({ body }) => body));
  });

  test("nor one whose dead letters are refused", async () => {
    const messages = [{ group: "a", body: "bad 0" }, ...numbered("a", 3)];
    const queue = new FifoQueue(messages);
    const letters: DeadLetter[] = [];
    letters.push = () => {
      throw new EtlError({ kind: "permission", operation: "dead letters", message: "no" });
    };
    const end = await run(queue, letters);
    expect(end).toMatchObject({ outcome: "failed" });
    expect(end.table.rows.size).toBe(0);
    expect(queue.left).toEqual(messages.map(({ body }) => body));
  });

  test("goes on behind a message that went to the dead-letter queue", async () => {
    const messages = [
      { group: "a", body: "row 0" },
      { group: "a", body: "bad 1" },
      { group: "a", body: "row 2" },
    ];
    const queue = new FifoQueue(messages);
    const letters: DeadLetter[] = [];
    const { table } = await run(queue, letters);
    expect([...table.rows.values()]).toEqual(["row 0", "row 2"]);
    expect(letters.map(({ message }) => message.body)).toEqual(["bad 1"]);
    expect(queue.left).toEqual([]);
    expect(queue.overtaken).toEqual([]);
  });
});
