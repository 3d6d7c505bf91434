import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { retryUntil } from "../../src/processing/retry-until.ts";
import { SkippingClock } from "../support/memory-ports.ts";

function limits(random: () => number, signal = new AbortController().signal) {
  const clock = new SkippingClock();
  const told: string[] = [];
  return {
    clock,
    told,
    parts: {
      clock,
      random,
      giveUpAfterMillis: 60_000,
      signal,
      onTrouble: (error: EtlError) => told.push(`trouble ${error.operation}`),
      onRecovery: (operation: string) => told.push(`recovery ${operation}`),
    },
  };
}

const failure = (retryable: boolean) =>
  new EtlError({ kind: "unavailable", operation: "receive", message: "no answer", retryable });

describe("an operation that fails", () => {
  test("is told of once, and its recovery once, whatever the number of attempts", async () => {
    const { parts, told } = limits(() => 0.5);
    let attempts = 0;
    const result = await retryUntil(async () => {
      attempts += 1;
      if (attempts < 6) throw failure(true);
      return "answer";
    }, parts);
    expect(result).toBe("answer");
    expect(told).toEqual(["trouble receive", "recovery receive"]);
  });

  test("is tried again after pauses that grow up to a bound, at random below it", async () => {
    const { parts, clock } = limits(() => 0.999_999);
    const gaveUp = await retryUntil(() => Promise.reject(failure(true)), parts).catch((thrown) => thrown);
    expect(gaveUp.message).toContain("gave up after");
    expect(clock.pauses.slice(0, 7).map(Math.round)).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000]);
    const hasty = limits(() => 0);
    let attempts = 0;
    await retryUntil(async () => {
      attempts += 1;
      if (attempts < 5) throw failure(true);
    }, hasty.parts);
    expect(hasty.clock.pauses).toEqual([0, 0, 0, 0]);
  });

  test("ends as temporary when its time is over, with the reason and what to type", async () => {
    const { parts, clock } = limits(() => 0.999_999);
    const error = await retryUntil(() => Promise.reject(failure(true)), parts).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(EtlError);
    expect(error).toMatchObject({ kind: "temporary", exitCode: 75, operation: "receive", retryable: false });
    expect(error.message).toContain("no answer");
    expect(error.hint).toContain("again");
    expect(error.message).toContain("gave up after 60 s");
    expect(clock.millis).toBe(60_000);
  });

  test("is not tried again if it cannot pass, or is no error of the service", async () => {
    for (const error of [failure(false), new TypeError("a bug")]) {
      let attempts = 0;
      const { parts } = limits(() => 0.5);
      const thrown = await retryUntil(() => {
        attempts += 1;
        return Promise.reject(error);
      }, parts).catch((reason) => reason);
      expect(thrown).toBe(error);
      expect(attempts).toBe(1);
    }
  });

  test("ends at its signal, with the last error", async () => {
    const stop = new AbortController();
    const { parts } = limits(() => 0.5, stop.signal);
    let attempts = 0;
    const error = failure(true);
    const thrown = await retryUntil(() => {
      attempts += 1;
      if (attempts === 2) stop.abort();
      return Promise.reject(error);
    }, parts).catch((reason) => reason);
    expect(thrown).toBe(error);
    expect(attempts).toBe(2);
  });
});
