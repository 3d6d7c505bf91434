import { describe, expect, test } from "bun:test";
import { defaultRetryPolicy, type RetryPolicy, withRetries } from "../../src/aws/retry.ts";
import { EtlError } from "../../src/errors.ts";
import { SkippingClock } from "../support/memory-ports.ts";

const passing = new EtlError({ kind: "temporary", operation: "receive", message: "m", retryable: true });
const lasting = new EtlError({ kind: "permission", operation: "receive", message: "m" });

/** A clock on which only sleeping takes time. */
const stoppedClock = () => new SkippingClock(Number.POSITIVE_INFINITY);

function failing(times: number, error: Error) {
  let tries = 0;
  const operation = async () => {
    tries += 1;
    if (tries <= times) throw error;
    return "done";
  };
  return { operation, tries: () => tries };
}

const policy: RetryPolicy = {
  attempts: 6,
  firstPauseMillis: 100,
  longestPauseMillis: 500,
  totalMillis: 60_000,
};

describe("pauses", () => {
  test("double up to the longest, and are a random part of it", async () => {
    for (const part of [1, 0.5]) {
      const clock = stoppedClock();
      const { operation } = failing(5, passing);
      expect(await withRetries(operation, { policy, clock, random: () => part })).toBe("done");
      expect(clock.pauses).toEqual([100, 200, 400, 500, 500].map((pause) => pause * part));
    }
  });

  test("of the default policy are no more than 1.5 s in all", async () => {
    const clock = stoppedClock();
    const { operation, tries } = failing(99, passing);
    const parts = { policy: defaultRetryPolicy, clock, random: () => 1 };
    expect(await withRetries(operation, parts).catch((error) => error)).toBe(passing);
    expect(tries()).toBe(5);
    expect(clock.monotonicMillis()).toBe(1500);
  });
});

describe("an end", () => {
  test("after the last try, with the operation's own error", async () => {
    const { operation, tries } = failing(6, passing);
    const parts = { policy, clock: stoppedClock(), random: () => 1 };
    expect(await withRetries(operation, parts).catch((error) => error)).toBe(passing);
    expect(tries()).toBe(6);
  });

  test("before a pause that would lead beyond the time allowed", async () => {
    const clock = stoppedClock();
    const { operation, tries } = failing(6, passing);
    const parts = { policy: { ...policy, totalMillis: 300 }, clock, random: () => 1 };
    expect(await withRetries(operation, parts).catch((error) => error)).toBe(passing);
    expect(clock.pauses).toEqual([100, 200]);
    expect(tries()).toBe(3);
  });

  test.each([lasting, new TypeError("a bug")])("at once for what will not pass", async (error) => {
    const { operation, tries } = failing(1, error);
    const parts = { policy, clock: stoppedClock(), random: () => 1 };
    expect(await withRetries(operation, parts).catch((caught) => caught)).toBe(error);
    expect(tries()).toBe(1);
  });

  test("by the signal, with its reason", async () => {
    const stop = new AbortController();
    const reason = new Error("stop");
    const { operation, tries } = failing(6, passing);
    const clock = { monotonicMillis: () => 0, sleep: async () => stop.abort(reason) };
    const caught = await withRetries(operation, { policy, clock, random: () => 1 }, stop.signal).catch(
      (error) => error,
    );
    expect(caught).toBe(reason);
    expect(tries()).toBe(1);
  });
});
