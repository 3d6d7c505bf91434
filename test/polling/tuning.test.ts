import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bottleneckOf, type Interval, mostReceivers, Tuning } from "../../src/polling/tuning.ts";

/** A modelled world: each part gives so much at the most, in messages a second. */
interface World {
  /** Of one receive, in milliseconds. */
  readonly latencyMillis: number;
  readonly queue: number;
  /** Beyond it the queue refuses calls. */
  readonly throttle: number;
  readonly database: number;
  readonly cpu: number;
}

const unlimited: World = {
  latencyMillis: 20,
  queue: Number.POSITIVE_INFINITY,
  throttle: Number.POSITIVE_INFINITY,
  database: Number.POSITIVE_INFINITY,
  cpu: Number.POSITIVE_INFINITY,
};

/** What so many receivers would measure there. `noise` is by how much the rate is off, as a share. */
function measure(world: World, receivers: number, millis: number, noise = 0): Interval {
  const offered = (receivers * 10_000) / world.latencyMillis;
  const most = Math.min(offered, world.queue, world.throttle, world.database, world.cpu);
  const received = (most * (1 + noise) * millis) / 1000;
  const refused = Math.max(0, Math.min(offered, world.queue) - world.throttle);
  const retries = (refused * millis) / 10_000;
  return {
    millis,
    answers: received / 10,
    received,
    pollMillis: (received / 10) * world.latencyMillis,
    loaded: received,
    loadMillis: most >= world.database ? millis : millis / 2,
    holdUpMillis: most >= world.database ? millis : 0,
    runnableMillis: (most / world.cpu) * millis,
    requests: received / 10 + retries,
    retries,
  };
}

/** Drains there for so long; gives the number of receivers after each interval. */
function simulate(
  world: World,
  seconds: number,
  tuning = new Tuning(),
  noise: () => number = () => 0,
): number[] {
  const counts: number[] = [];
  for (let answer = 0; answer < 4; answer += 1) tuning.answered(10);
  for (let passed = 0; passed < seconds * 1000; passed += tuning.intervalMillis) {
    tuning.next(measure(world, tuning.receivers, tuning.intervalMillis, noise()));
    counts.push(tuning.receivers);
  }
  return counts;
}

const rateOf = (world: World, receivers: number) => measure(world, receivers, 1000).received;
const mean = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0) / counts.length;

describe("the number of receivers", () => {
  test("is one while nothing comes, and doubles at once when something does", () => {
    const tuning = new Tuning();
    tuning.answered(0);
    expect(tuning.receivers).toBe(1);
    tuning.answered(10);
    expect(tuning.receivers).toBe(2);
    tuning.answered(0);
    expect(tuning.receivers).toBe(1);
  });

  test("grows within half a second to what 20 ms a call need", () => {
    const counts = simulate({ ...unlimited, cpu: 20_000 }, 0.5);
    expect(rateOf({ ...unlimited, cpu: 20_000 }, counts.at(-1) ?? 0)).toBeGreaterThanOrEqual(0.9 * 20_000);
  });

  test("stays small where calls take no time", () => {
    const counts = simulate({ ...unlimited, latencyMillis: 2, cpu: 20_000 }, 30);
    expect(Math.max(...counts)).toBeLessThanOrEqual(8);
  });

  test("stays where more bring nothing, but for an attempt now and then", () => {
    const world = { ...unlimited, queue: 4_000 };
    const counts = simulate(world, 120).slice(50);
    expect(counts.filter((count) => rateOf(world, count) < 0.9 * 4_000)).toEqual([]);
    expect(mean(counts)).toBeLessThan(14);
  });

  test("follows a database that is the limit, without starving it", () => {
    const world = { ...unlimited, database: 5_000 };
    const tuning = new Tuning();
    simulate(unlimited, 2, tuning);
    expect(tuning.receivers).toBe(mostReceivers);
    const counts = simulate(world, 60, tuning).slice(30);
    expect(Math.max(...counts)).toBeLessThanOrEqual(20);
    expect(counts.filter((count) => rateOf(world, count) < 5_000)).toEqual([]);
  });

  test("is not misled by one interval that was slow for reasons of its own", () => {
    const world = { ...unlimited, cpu: 20_000 };
    let interval = 0;
    const counts = simulate(world, 5, new Tuning(), () => (interval++ % 3 === 2 ? -0.4 : 0));
    expect(rateOf(world, counts.at(-1) ?? 0)).toBeGreaterThanOrEqual(0.9 * 20_000);
  });

  test("goes down while the queue refuses calls", () => {
    const world = { ...unlimited, throttle: 3_000 };
    const tuning = new Tuning();
    simulate(unlimited, 2, tuning);
    const counts = simulate(world, 60, tuning).slice(30);
    expect(Math.max(...counts)).toBeLessThanOrEqual(12);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(4);
  });

  test("grows again when what was in the way is gone", () => {
    const tuning = new Tuning();
    simulate({ ...unlimited, database: 2_000 }, 20, tuning);
    expect(tuning.receivers).toBeLessThan(10);
    simulate(unlimited, 60, tuning);
    expect(tuning.receivers).toBe(mostReceivers);
  });

  test("is back at once after an answer that was empty by chance", () => {
    const tuning = new Tuning();
    simulate(unlimited, 2, tuning);
    tuning.answered(0);
    for (let answer = 0; answer < 6; answer += 1) tuning.answered(10);
    expect(tuning.receivers).toBe(mostReceivers / 2);
  });

  test("does not grow for a trickle", () => {
    const tuning = new Tuning();
    for (let answer = 0; answer < 1000; answer += 1) {
      tuning.answered(1);
      tuning.next({ ...measure(unlimited, tuning.receivers, 250), received: 10, answers: 10 });
    }
    expect(tuning.receivers).toBe(4);
  });

  test("never leaves its bounds, whatever is measured, and brings most of what can be had", () => {
    const rate = fc.integer({ min: 500, max: 60_000 });
    const worlds = fc.record({
      latencyMillis: fc.integer({ min: 1, max: 200 }),
      queue: rate,
      throttle: rate,
      database: rate,
      cpu: rate,
    });
    const noises = fc.array(fc.double({ min: -0.05, max: 0.05, noNaN: true }), {
      minLength: 7,
      maxLength: 50,
    });
    fc.assert(
      fc.property(worlds, noises, (world, noise) => {
        let drawn = 0;
        const tuning = new Tuning();
        const counts = simulate(world, 60, tuning, () => noise[drawn++ % noise.length] ?? 0);
        for (const count of counts) {
          expect(Number.isInteger(count)).toBe(true);
          expect(count).toBeGreaterThanOrEqual(1);
          expect(count).toBeLessThanOrEqual(mostReceivers);
        }
        const settled = counts.slice(counts.length >> 1);
        const rates = settled.map((count) => rateOf(world, count));
        expect(mean(rates)).toBeGreaterThanOrEqual(0.5 * rateOf(world, mostReceivers));
      }),
      { numRuns: 300 },
    );
  });
});

describe("what an interval was limited by", () => {
  const of = (world: Partial<World>) => bottleneckOf(measure({ ...unlimited, ...world }, 20, 1000));
  test.each([
    ["queue", {}],
    ["queue", { queue: 500, database: 2000, cpu: 2000 }],
    ["database", { database: 2000 }],
    ["cpu", { cpu: 2000 }],
    // A thread without time makes loads look slow.
    ["cpu", { cpu: 2000, database: 2000 }],
  ] as const)("%s", (limit, world) => {
    expect(of(world)).toBe(limit);
  });
});

describe("the number of loads at one time", () => {
  /** An interval of 500 ms, of which everything waited for loads for so long a share. */
  const interval = (loaded: number, connections: number, waiting: number): Interval => ({
    ...measure(unlimited, 4, 500),
    ...{ loaded, loadMillis: 500 * connections, holdUpMillis: 500 * waiting, runnableMillis: 0 },
  });
  /** What it is after each interval, if loads come to `rate(connections)` messages an interval. */
  const numbers = (waiting: number, rate: (connections: number) => number) => {
    const tuning = new Tuning();
    return Array.from({ length: 40 }, () => {
      tuning.next(interval(rate(tuning.connections), tuning.connections, waiting));
      return tuning.connections;
    });
  };

  test("is one for a near database, which holds everything up now and then", () => {
    expect(new Set(numbers(0.7, (connections) => 1000 * connections))).toEqual(new Set([1]));
  });

  test("is two only if everything waits; from there on it grows while that brings more", () => {
    const tuning = new Tuning();
    tuning.next(interval(1000, 1, 0.9));
    expect(tuning.connections).toBe(2);
    tuning.next(interval(2000, 2, 0.6));
    expect(tuning.connections).toBe(3);
    tuning.next(interval(3000, 3, 0.6));
    expect(tuning.connections).toBe(5);
  });

  test("falls back where more bring nothing, and tries again ever more seldom", () => {
    const counts = numbers(0.9, () => 1000);
    expect(counts.filter((count) => count > 1).length).toBeLessThan(counts.length / 2);
    expect(counts.at(-1)).toBeLessThanOrEqual(2);
  });
});
