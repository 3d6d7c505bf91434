/** The chance that chaos is made of: seeded, so that a run can be had again. */

/** A generator; the same seed gives the same numbers. */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `least` up to and without `end`. */
  between(least: number, end: number): number;
  happens(probability: number): boolean;
  /** @throws where there is nothing to pick from */
  pick<T>(items: readonly T[]): T;
  /** The same items in another order. */
  shuffled<T>(items: readonly T[]): T[];
  /** A generator of its own, so that what one part of a run draws does not depend on another's timing. */
  fork(): Chance;
}

/**
 * The seed of this run, printed with the command that takes it: `ETL_CHAOS_SEED`, or another one each time.
 *
 * It decides what is drawn. When it happens is up to the machine, so a run is alike and not the same.
 */
export function chaosSeed(): number {
  const given = process.env.ETL_CHAOS_SEED;
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  if (!Number.isInteger(seed)) throw new Error("ETL_CHAOS_SEED is not a whole number");
  console.log(`chaos: ETL_CHAOS_SEED=${seed}`);
  return seed;
}

/** Makes a generator (mulberry32). */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const chance: Chance = {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
    between: (least, end) => least + Math.floor(chance.next() * (end - least)),
    happens: (probability) => chance.next() < probability,
    pick(items) {
      if (items.length === 0) throw new Error("nothing to pick from");
      return items[chance.between(0, items.length)] as (typeof items)[number];
    },
    shuffled: (items) =>
      items
        .map((item) => ({ item, place: chance.next() }))
        .sort((a, b) => a.place - b.place)
        .map(({ item }) => item),
    fork: () => createChance(chance.between(0, 2 ** 31)),
  };
  return chance;
}
