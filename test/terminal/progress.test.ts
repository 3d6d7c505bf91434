import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Clock } from "../../src/polling/ports.ts";
import { createProgress, formatProgress, type Log, type ProgressState } from "../../src/terminal/log.ts";
import { displayWidth } from "../../src/terminal/text.ts";

const state: ProgressState = { loaded: 1234, rejected: 12, perSecond: 950, left: 4000, seconds: 12 };

describe("formatProgress", () => {
  test.each([
    [80, "1,234 loaded · 12 rejected · 950/s · about 4,000 left · 12 s"],
    [61, "1,234 loaded · 12 rejected · 950/s · about 4,000 left · 12 s"],
    [60, "1,234 loaded · 12 rejected · 950/s · about 4,000 left"],
    [46, "1,234 loaded · 12 rejected · about 4,000 left"],
    [40, "1,234 loaded · 12 rejected · 950/s"],
    [20, "1,234 loaded · 12 s"],
    [8, "1,234 …"],
  ])("in %d columns is %j", (columns, shown) => {
    expect(formatProgress(state, columns)).toBe(shown);
  });

  test("leaves out what is nothing or not known", () => {
    const quiet = { ...state, rejected: 0, left: undefined, perSecond: 0 };
    expect(formatProgress(quiet, 80)).toBe("1,234 loaded · 0.0/s · 12 s");
    expect(formatProgress({ ...quiet, left: 0 }, 80)).toBe("1,234 loaded · 0.0/s · about 0 left · 12 s");
  });

  test("never fills the last column", () => {
    const count = fc.nat({ max: 1_000_000_000 });
    const anyState = fc.record({
      loaded: count,
      rejected: count,
      perSecond: fc.double({ min: 0, max: 1e6, noNaN: true }),
      left: fc.option(count, { nil: undefined }),
      seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    });
    fc.assert(
      fc.property(anyState, fc.integer({ min: 1, max: 100 }), (any, columns) => {
        expect(displayWidth(formatProgress(any, columns))).toBeLessThan(columns);
      }),
    );
  });
});

/** Time that stands still until it is turned. */
class TestClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  monotonicMillis(): number {
    return this.#now;
  }

  sleep(millis: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper = { until: this.#now + millis, wake: resolve };
    this.#sleepers.add(sleeper);
    signal?.addEventListener("abort", () => resolve());
    return promise;
  }

  async turn(millis: number): Promise<void> {
    this.#now += millis;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await Promise.resolve();
    await Promise.resolve();
  }
}

describe("a progress line", () => {
  function start() {
    const shown: (string | null)[] = [];
    const log: Log = {
      info() {},
      warn() {},
      configure() {},
      status: (text) => void shown.push(text),
      flush: async () => {},
    };
    const clock = new TestClock();
    const output = { columns: 20 };
    return { shown, clock, output, progress: createProgress(log, output, clock) };
  }
  const loaded = (count: number): ProgressState => ({
    ...state,
    loaded: count,
    rejected: 0,
    left: undefined,
  });

  test("is drawn at once, then at most every 100 ms, and the newest state last", async () => {
    const { shown, clock, progress } = start();
    for (let millis = 0; millis < 1000; millis++) {
      progress.update(loaded(millis));
      await clock.turn(1);
    }
    await clock.turn(100);
    expect(shown).toHaveLength(11);
    expect(shown[0]).toBe("0 loaded · 950/s");
    expect(shown[1]).toBe("99 loaded · 950/s");
    expect(shown.at(-1)).toBe("999 loaded · 950/s");
  });

  test("follows the width of the terminal", async () => {
    const { shown, clock, output, progress } = start();
    progress.update(loaded(1));
    output.columns = 10;
    await clock.turn(100);
    progress.update(loaded(2));
    expect(shown).toEqual(["1 loaded · 950/s", "2 loaded"]);
  });

  test("is gone after its end, whatever was still to be drawn", async () => {
    const { shown, clock, progress } = start();
    progress.update(loaded(1));
    progress.update(loaded(2));
    progress.end();
    progress.update(loaded(3));
    await clock.turn(1000);
    progress.update(loaded(4));
    expect(shown).toEqual(["1 loaded · 950/s", null]);
  });
});
