import { describe, expect, test } from "bun:test";
import type { Message } from "../../src/message/message.ts";
import { Deliveries } from "../../src/polling/deliveries.ts";
import type { Delivery } from "../../src/polling/delivery.ts";
import { MemoryQueue, SkippingClock } from "../support/memory-ports.ts";

function register(maxMessages = 100) {
  const clock = new SkippingClock();
  const signal = new AbortController().signal;
  const failures: unknown[] = [];
  const queue = new MemoryQueue([]);
  const deliveries = new Deliveries({
    ...{ source: queue, clock, visibilityTimeoutSeconds: 30 },
    maxMessages: () => maxMessages,
    concurrency: () => 4,
    retry: {
      ...{ clock, random: () => 0.5, giveUpAfterMillis: 0, signal },
      onTrouble() {},
      onRecovery() {},
    },
    onEvent() {},
    onFailure: (error) => failures.push(error),
  });
  const arrive = (count: number, body = "row") => {
    const messages = Array.from({ length: count }, (_, index) => messageOf(`m${index}`, body));
    deliveries.arrive(count, messages, () => false);
  };
  return { deliveries, queue, failures, arrive };
}

const messageOf = (messageId: string, body: string): Message => ({
  ...{ messageId, receiptHandle: `${messageId}#1`, sentAtMillis: 0, receiveCount: 1, body, bodyIntact: true },
});

describe("the register of deliveries", () => {
  test("settles a delivery once: what is settled cannot be settled again", () => {
    const { deliveries, arrive } = register();
    deliveries.tryReserve(10);
    arrive(1);
    const [delivery] = deliveries.take(10) as [Delivery];
    deliveries.settle([[delivery, { kind: "stored", rows: 1 }]]);
    expect(() => deliveries.settle([[delivery, { kind: "released" }]])).toThrow("cannot be settled again");
    expect(deliveries.counts).toMatchObject({ received: 1, inserted: 1, rows: 1 });
  });

  test("knows messages from rows: the receipt counts both", () => {
    const { deliveries, arrive } = register();
    deliveries.tryReserve(10);
    arrive(2);
    const [first, second] = deliveries.take(10) as [Delivery, Delivery];
    deliveries.settle([
      [first, { kind: "stored", rows: 7 }],
      [second, { kind: "stored", rows: 0 }],
    ]);
    expect(deliveries.counts).toMatchObject({ received: 2, inserted: 2, rows: 7 });
  });

  test("has room for no more than the most, and for one receive at the least", () => {
    const { deliveries, arrive } = register(25);
    expect([deliveries.tryReserve(10), deliveries.tryReserve(10), deliveries.tryReserve(10)]).toEqual([
      true,
      true,
      false,
    ]);
    arrive(10);
    expect(deliveries.tryReserve(10)).toBe(false);
    const held = deliveries.take(10);
    // What the circuit breaker holds must not keep out the messages that could tell.
    deliveries.hold(held);
    expect(deliveries.tryReserve(10)).toBe(true);
  });

  test("takes large messages a few at a time, and lets nothing in beyond 64 MiB", () => {
    const { deliveries, arrive } = register(10_000);
    deliveries.tryReserve(70);
    arrive(70, "x".repeat(1024 * 1024));
    expect(deliveries.tryReserve(1)).toBe(false);
    expect(deliveries.holdsFullLoad(500)).toBe(true);
    expect(deliveries.take(500)).toHaveLength(8);
    expect(deliveries.waiting).toBe(62);
  });

  test("keeps invisible what it gives back until its polls are over", async () => {
    const { deliveries, queue, arrive } = register();
    deliveries.tryReserve(10);
    arrive(2);
    deliveries.keepBack();
    deliveries.releaseWaiting();
    expect([deliveries.inFlight.size, deliveries.open, deliveries.callsAreOver]).toEqual([2, 2, false]);
    expect(queue.journal).toEqual([]);
    deliveries.pollsOver();
    while (!deliveries.callsAreOver) await deliveries.changed();
    expect([deliveries.inFlight.size, deliveries.open]).toEqual([0, 0]);
    expect(deliveries.counts).toMatchObject({ received: 2, released: 2 });
    expect(queue.journal).toEqual([{ event: "release", ids: ["m0", "m1"] }]);
  });
});
