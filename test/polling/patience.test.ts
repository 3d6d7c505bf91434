import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { withPatience } from "../../src/polling/patience.ts";
import { SkippingClock } from "../support/memory-ports.ts";

function patience(random: () => number, signal = new AbortController().signal) {
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

describe("patience", () => {
  test("tells once of trouble and once of recovery, whatever the number of attempts", async () => {
    const { parts, told } = patience(() => 0.5);
    let attempts = 0;
    const result = await withPatience(async () => {
      attempts += 1;
      if (attempts < 6) throw failure(true);
      return "answer";
    }, parts);
    expect(result).toBe("answer");
    expect(told).toEqual(["trouble receive", "recovery receive"]);
  });

  test("pauses longer each time up to a bound, anywhere below it", async () => {
    const { parts, clock } = patience(() => 0.999_999);
    const gaveUp = await withPatience(() => Promise.reject(failure(true)), parts).catch((thrown) => thrown);
    expect(gaveUp.message).toContain("gave up after");
    expect(clock.pauses.slice(0, 7).map(Math.round)).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000]);
    const hasty = patience(() => 0);
    let attempts = 0;
    await withPatience(async () => {
      attempts += 1;
      if (attempts < 5) throw failure(true);
    }, hasty.parts);
    expect(hasty.clock.pauses).toEqual([0, 0, 0, 0]);
  });

  test("gives up as temporary, with the reason and what to type", async () => {
    const { parts, clock } = patience(() => 0.999_999);
    const error = await withPatience(() => Promise.reject(failure(true)), parts).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(EtlError);
    expect(error).toMatchObject({ kind: "temporary", exitCode: 75, operation: "receive", retryable: false });
    expect(error.message).toContain("no answer");
    expect(error.hint).toContain("again");
    expect(error.message).toContain("gave up after 60 s");
    expect(clock.millis).toBe(60_000);
  });

  test("does not try again what cannot pass, or is no error of the service", async () => {
    for (const error of [failure(false), new TypeError("a bug")]) {
      let attempts = 0;
      const { parts } = patience(() => 0.5);
      const thrown = await withPatience(() => {
        attempts += 1;
        return Promise.reject(error);
      }, parts).catch((reason) => reason);
      expect(thrown).toBe(error);
      expect(attempts).toBe(1);
    }
  });

  test("ends with its signal, with the last error", async () => {
    const stop = new AbortController();
    const { parts } = patience(() => 0.5, stop.signal);
    let attempts = 0;
    const error = failure(true);
    const thrown = await withPatience(() => {
      attempts += 1;
      if (attempts === 2) stop.abort();
      return Promise.reject(error);
    }, parts).catch((reason) => reason);
    expect(thrown).toBe(error);
    expect(attempts).toBe(2);
  });
});
