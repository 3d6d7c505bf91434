/** Random numbers that are the same at every run, for generated events. */

/**
 * Numbers from 0 to below 1, as `Math.random` gives them, from a seed. Not for secrets.
 *
 * The generator is mulberry32: 32 bits of state, a period of 2^32.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
