/** Counts, rates and durations as a person reads them, the same in every locale. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A whole number with separators between the thousands: `1,234`. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** A count with its noun: `1 message`, `2 messages`. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** A number per second: `950/s`, and below ten `0.4/s`. */
export function formatRate(perSecond: number): string {
  return `${tenthsBelowTen(perSecond)}/s`;
}

/** A duration: `0.4 s`, `12 s`, `3 min 5 s`, `1 h 2 min`. */
export function formatSeconds(seconds: number): string {
  // Rounded first, so that 59.6 s is a minute and not "60 s".
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${tenthsBelowTen(seconds)} s`;
  const minutes = Math.floor(rounded / 60);
  if (minutes < 60) return `${minutes} min ${rounded % 60} s`;
  return `${formatCount(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

function tenthsBelowTen(value: number): string {
  const tenths = value.toFixed(1);
  return Number(tenths) < 10 ? tenths : formatCount(value);
}
