import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { Delivery } from "../../src/polling/delivery.ts";
import type { DrainEvent } from "../../src/polling/events.ts";
import type { SettleResult, VisibilityChange } from "../../src/polling/ports.ts";
import { keepInvisible, toldVisibility, type VisibilityParts } from "../../src/polling/visibility.ts";
import { SkippingClock, turn } from "../support/memory-ports.ts";

/** Enough for what is due to be asked for and answered, a few calls after another. */
const turnsASecond = 12;

function world(visibilityTimeoutSeconds: number) {
  const clock = new SkippingClock(0);
  const calls: VisibilityChange[][] = [];
  const over = new AbortController();
  let failing = false;
  let open = 0;
  let most = 0;
  const inFlight = new Set<Delivery>();
  const parts: VisibilityParts = {
    source: {
      async changeVisibility(changes) {
        calls.push([...changes]);
        open += 1;
        most = Math.max(most, open);
        await turn();
        open -= 1;
        if (failing) throw new Error("no");
        return { settled: changes.length, failed: 0 };
      },
    },
    ...{ clock, visibilityTimeoutSeconds, inFlight },
  };
  return {
    ...{ clock, calls, over, inFlight },
    run: () => keepInvisible(parts, over.signal),
    /** So many deliveries have just been received. */
    hold(count: number) {
      for (let index = 0; index < count; index += 1) inFlight.add(delivery(index, clock.millis));
    },
    fail: (fails: boolean) => {
      failing = fails;
    },
    /** The most calls that were open at one time. */
    get most() {
      return most;
    },
    /** Lets so many seconds pass, one after the other. */
    async pass(seconds: number) {
      for (let second = 0; second < seconds; second += 1) {
        clock.advance(1000);
        for (let turns = 0; turns < turnsASecond; turns += 1) await turn();
      }
    },
  };
}

function delivery(index: number, now: number): Delivery {
  return {
    ...{ messageId: `m${index}`, receiptHandle: `h${index}`, sentAtMillis: 0, receiveCount: 1 },
    ...{
      state: "waiting",
      isDuplicate: false,
      message: undefined,
      bytes: 0,
      receivedAtMillis: now,
      hiddenAtMillis: now,
    },
  };
}

test("changes of visibility that fail are told once, and once when a call works that began after the failure", async () => {
  const error = new EtlError({ kind: "permission", operation: "change visibility", message: "no" });
  const events: DrainEvent[] = [];
  const calls: PromiseWithResolvers<SettleResult>[] = [];
  const { changeVisibility } = toldVisibility(
    {
      changeVisibility() {
        const call = Promise.withResolvers<SettleResult>();
        calls.push(call);
        return call.promise;
      },
    },
    (event) => events.push(event),
  );
  const call = () => changeVisibility([]).catch((thrown: unknown) => thrown);
  const [first, second, third] = [call(), call(), call()];
  calls[0]?.reject(error);
  calls[1]?.reject(error);
  calls[2]?.resolve({ settled: 0, failed: 0 });
  expect(await Promise.all([first, second, third])).toEqual([error, error, { settled: 0, failed: 0 }]);
  expect(events).toEqual([{ type: "trouble", error }]);
  const fourth = call();
  calls[3]?.resolve({ settled: 0, failed: 0 });
  await fourth;
  expect(events.slice(1)).toEqual([{ type: "recovered", operation: "change visibility" }]);
});

describe("the visibility of what is in flight", () => {
  test("is extended at half the time-out, ten a call, again and again", async () => {
    const it = world(30);
    it.hold(23);
    const running = it.run();
    await it.pass(14);
    expect(it.calls).toEqual([]);
    await it.pass(1);
    expect(it.calls.map((changes) => changes.length)).toEqual([10, 10, 3]);
    expect(it.calls[0]?.[0]).toEqual({ receiptHandle: "h0", timeoutSeconds: 30 });
    await it.pass(45);
    expect(it.calls.length).toBe(12);
    it.over.abort();
    await running;
  });

  test("is no longer extended once settled", async () => {
    const it = world(30);
    it.hold(2);
    const [first, second] = [...it.inFlight] as [Delivery, Delivery];
    it.inFlight.delete(first);
    const running = it.run();
    await it.pass(16);
    expect(it.calls.flat().map(({ receiptHandle }) => receiptHandle)).toEqual(["h1"]);
    it.inFlight.delete(second);
    await it.pass(60);
    expect(it.calls.length).toBe(1);
    it.over.abort();
    await running;
  });

  test("is extended for what comes later at its own time", async () => {
    const it = world(20);
    const running = it.run();
    await it.pass(7);
    it.hold(1);
    await it.pass(9);
    expect(it.calls).toEqual([]);
    await it.pass(2);
    expect(it.calls.length).toBe(1);
    it.over.abort();
    await running;
  });

  test("is extended up to 12 hours after the receive, and not beyond", async () => {
    const it = world(3600);
    it.hold(1);
    const running = it.run();
    await it.pass(13 * 3600);
    const seconds = it.calls.flat().map(({ timeoutSeconds }) => timeoutSeconds);
    // The last two would else reach beyond 43,200 s after the receive.
    expect(seconds).toEqual([...Array.from({ length: 21 }, () => 3600), 3599, 1799]);
    it.over.abort();
    await running;
  });

  test("is tried again soon after a call that failed, and long before it ends", async () => {
    const it = world(30);
    it.fail(true);
    it.hold(1);
    const running = it.run();
    await it.pass(16);
    expect(it.calls.length).toBeGreaterThan(1);
    it.fail(false);
    const failed = it.calls.length;
    await it.pass(8);
    expect(it.calls.length).toBe(failed + 1);
    // And from then on as before.
    await it.pass(15);
    expect(it.calls.length).toBe(failed + 2);
    it.over.abort();
    await running;
  });

  test("costs a few calls and no more while the queue is cut off, however much is held", async () => {
    const it = world(2);
    it.fail(true);
    const running = it.run();
    for (let second = 0; second < 60; second += 1) {
      it.hold(4_000);
      await it.pass(1);
    }
    // The first call finds out with what is allowed at one time; then one call asks now and then.
    expect(it.most).toBe(32);
    expect(it.calls.length).toBeLessThan(32 + 3 * 60);
    expect(it.calls.slice(32).filter((changes) => changes.length > 10)).toEqual([]);
    it.over.abort();
    await running;
  });

  test("is extended for all that is held when a queue that was cut off answers again", async () => {
    const it = world(60);
    it.fail(true);
    it.hold(1_000);
    const running = it.run();
    await it.pass(40);
    it.fail(false);
    const failed = it.calls.length;
    await it.pass(19);
    const extended = new Set(
      it.calls.slice(failed).flatMap((changes) => changes.map((c) => c.receiptHandle)),
    );
    expect(extended.size).toBe(1_000);
    it.over.abort();
    await running;
  });

  test("is given up where it has ended long ago: the message comes again", async () => {
    const it = world(30);
    it.fail(true);
    it.hold(1);
    const running = it.run();
    await it.pass(46);
    it.fail(false);
    const failed = it.calls.length;
    await it.pass(60);
    expect(it.calls.length).toBe(failed);
    it.over.abort();
    await running;
  });

  test("is left alone where the queue has none", async () => {
    const it = world(0);
    it.hold(1);
    await it.run();
    expect(it.calls).toEqual([]);
  });
});
