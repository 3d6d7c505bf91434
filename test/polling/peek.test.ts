import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { Message } from "../../src/message/message.ts";
import { peek } from "../../src/polling/peek.ts";
import { type Journal, MemoryQueue } from "../support/memory-ports.ts";

function world(bodies: readonly string[]) {
  const journal: Journal = [];
  const queue = new MemoryQueue(bodies, journal);
  const stop = new AbortController();
  const seen: string[] = [];
  const look = async (messages: readonly Message[]) => {
    for (const { body } of messages) seen.push(body);
  };
  const signals = { graceful: stop.signal, forced: new AbortController().signal };
  const run = (maxMessages: number) => peek(queue, { maxMessages, waitSeconds: 5 }, signals, look);
  return { journal, queue, stop, seen, run };
}

const bodies = (count: number) => Array.from({ length: count }, (_, index) => `row ${index}`);

describe("a look at messages", () => {
  test("shows each message once, holds all until the last has come, and gives all back", async () => {
    const it = world(bodies(25));
    expect(await it.run(25)).toEqual({ outcome: "limit", notReleased: 0 });
    expect(it.seen).toEqual(bodies(25));
    expect(it.queue.visible.length).toBe(25);
    expect(it.journal.map(({ event }) => event)).toEqual([
      "receive",
      "receive",
      "receive",
      "release",
      "release",
      "release",
    ]);
  });

  test("takes no more than it was asked to look at", async () => {
    const it = world(bodies(25));
    await it.run(13);
    expect(it.seen.length).toBe(13);
    expect(it.journal.flatMap(({ event, ids }) => (event === "receive" ? ids : [])).length).toBe(13);
  });

  test("shows a message once that comes again because its visibility ran out", async () => {
    const it = world(bodies(3));
    it.queue.fault = (call) => {
      if (call === "receive") it.queue.timeOut();
    };
    await it.run(10);
    expect(it.seen).toEqual(bodies(3));
    expect(it.queue.visible.length).toBe(3);
  });

  test("gives back what it holds when a later poll fails, and says why", async () => {
    const it = world(bodies(25));
    let polls = 0;
    const error = new EtlError({ kind: "permission", operation: "receive", message: "never" });
    it.queue.fault = (call) => {
      if (call === "receive" && ++polls > 2) throw error;
    };
    expect(await it.run(25)).toEqual({ outcome: "failed", error, notReleased: 0 });
    expect(it.queue.visible.length).toBe(25);
  });

  test("gives back what it holds when it is stopped", async () => {
    const it = world(bodies(5));
    let polls = 0;
    it.queue.fault = (call) => {
      if (call === "receive" && ++polls > 1) it.stop.abort();
    };
    expect(await it.run(10)).toEqual({ outcome: "stopped", notReleased: 0 });
    expect(it.queue.visible.length).toBe(5);
  });

  test("says how many come back by their time-out only", async () => {
    const it = world(bodies(12));
    it.queue.fault = (call) => {
      if (call === "release")
        throw new EtlError({ kind: "unavailable", operation: "release", message: "no" });
    };
    expect((await it.run(12)).notReleased).toBe(12);
  });
});
