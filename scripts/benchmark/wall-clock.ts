/** The time of day in microseconds: fine enough to be compared with Postgres's commit timestamps. */

/** Times that the two clocks are held against each other; a pause between the two readings spoils one. */
const comparisons = 5;

/**
 * Starts a clock.
 *
 * `Date.now` counts whole milliseconds: its ticks say what time it is, and the monotonic clock what has passed since.
 *
 * @returns a function that gives microseconds since 1970 UTC
 */
export function startWallClock(): () => number {
  let offsetMicros = 0;
  for (let comparison = 0; comparison < comparisons; comparison += 1) {
    const before = Date.now();
    let tick = before;
    while (tick === before) tick = Date.now();
    offsetMicros = Math.max(offsetMicros, tick * 1000 - performance.now() * 1000);
  }
  return () => offsetMicros + performance.now() * 1000;
}
