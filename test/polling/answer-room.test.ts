import { describe, expect, test } from "bun:test";
import type { Message } from "../../src/message/message.ts";
import { AnswerRoom } from "../../src/polling/answer-room.ts";
import { worldOf } from "../support/drain-world.ts";
import { type Journal, MemoryQueue, turn } from "../support/memory-ports.ts";

const mebibyte = 1024 * 1024;

/** A room for 100 bytes, and the answers that have been let in. */
function room() {
  const entered: string[] = [];
  const waits: number[] = [];
  const answers: AnswerRoom = new AnswerRoom(
    (bytes) => answers.bytes === 0 || answers.bytes + bytes <= 100,
    () => waits.push(answers.waiting),
  );
  return {
    ...{ answers, entered, waits },
    async ask(name: string, bytes: number) {
      const place = answers.open();
      void answers.admit(place, bytes).then(() => entered.push(name));
      await turn();
      return place;
    },
  };
}

describe("an answer is read", () => {
  test("at once while there is room, and in its turn when there is none", async () => {
    const { answers, entered, waits, ask } = room();
    const first = await ask("first", 60);
    const second = await ask("second", 50);
    await ask("third, which would fit", 10);
    expect(entered).toEqual(["first"]);
    expect(waits).toEqual([1, 2]);
    answers.free(first);
    await turn();
    expect(entered).toEqual(["first", "second", "third, which would fit"]);
    answers.free(second);
    expect([answers.bytes, answers.waiting]).toEqual([10, 0]);
  });

  test("however large it is, if nothing else is read", async () => {
    const { entered, ask } = room();
    await ask("huge", 1_000);
    expect(entered).toEqual(["huge"]);
  });

  test("no more once its poll is over: it keeps nobody waiting, and waits no longer itself", async () => {
    const { answers, entered, ask } = room();
    const first = await ask("first", 100);
    answers.free(await ask("cut off", 100));
    await turn();
    expect(entered).toEqual(["first", "cut off"]);
    expect([answers.bytes, answers.waiting]).toEqual([100, 0]);
    answers.free(first);
    expect(answers.bytes).toBe(0);
  });

  test("again in place of the one before, if its poll is tried again", async () => {
    const { answers, ask } = room();
    const place = await ask("first", 60);
    await answers.admit(place, 70);
    expect(answers.bytes).toBe(70);
  });
});

/** A queue whose first ten messages are small, and all others 1 MiB; each answer is as long as its messages. */
function growingQueue(count: number) {
  const journal: Journal = [];
  const payload = "x".repeat(mebibyte);
  const queue = new MemoryQueue(
    Array.from({ length: count }, (_, index) => `${index}`),
    journal,
  );
  const held = { bytes: 0, most: 0 };
  const receive = queue.receive.bind(queue);
  queue.receive = async (options) => {
    const messages = (await receive(options)).map(
      (message): Message => (Number(message.body) < 10 ? message : { ...message, payload }),
    );
    const bytes = messages.reduce((sum, message) => sum + (message.payload?.length ?? 0), 0);
    await options.admit?.(bytes);
    held.bytes += bytes;
    held.most = Math.max(held.most, held.bytes);
    return messages;
  };
  const remove = queue.delete.bind(queue);
  queue.delete = (handles) => {
    for (const handle of handles) if (Number(/^m(\d+)/.exec(handle)?.[1]) >= 10) held.bytes -= mebibyte;
    return remove(handles);
  };
  return { queue, journal, held };
}

describe("memory in flight stays within 64 MiB", () => {
  test("if the answers to 40 open polls are ten thousand times as large as those before", async () => {
    const { queue, journal, held } = growingQueue(800);
    const it = worldOf(queue, { journal });
    expect(await it.run({ receivers: 40, maxInFlight: 1_000 })).toEqual({ outcome: "drained" });
    expect(queue.maxOpenPolls).toBe(40);
    expect(it.table.rows.size).toBe(800);
    // What is deleted has left the memory a moment before.
    expect(held.most).toBeLessThanOrEqual(74 * mebibyte + 1_000_000);
    expect(held.most).toBeGreaterThan(32 * mebibyte);
  });

  test("and a table that refuses the first 60 MiB does not keep the answers waiting that could tell why", async () => {
    const { queue, journal } = growingQueue(300);
    const it = worldOf(queue, { journal });
    it.table.reasonOf = (text) => `sqlstate_235${text.slice(0, 2)}` as "sqlstate_23514";
    for (let index = 10; index < 70; index += 1) it.table.refused.add(`${index}`);
    expect(await it.run({ receivers: 40, maxInFlight: 1_000 })).toEqual({ outcome: "drained" });
    expect(it.counts).toMatchObject({ inserted: 240, rejected: 60 });
    const firstHidden = journal.findIndex(({ event }) => event === "hide");
    const stored = journal.slice(0, firstHidden).flatMap(({ event, ids }) => (event === "commit" ? ids : []));
    expect(stored.length).toBeGreaterThan(10);
  });
});
