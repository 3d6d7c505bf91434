/** Counts in words. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A whole number with separators between the thousands, the same in every locale: `1,234`. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** What a run's mapping passed by: of how many messages, which sources they lacked, which fields no column took. */
export interface PassedBy {
  readonly mapped: number;
  readonly absent: Readonly<Record<string, number>>;
  readonly unmapped: Readonly<Record<string, number>>;
}

/** In one line: `absent nick 90 of 100; no column takes nickname 90`. Undefined if nothing was passed by. */
export function passedByInWords({ mapped, absent, unmapped }: PassedBy): string | undefined {
  const parts = [
    ...(Object.keys(absent).length === 0 ? [] : [`absent ${nameCounts(absent)} of ${formatCount(mapped)}`]),
    ...(Object.keys(unmapped).length === 0 ? [] : [`no column takes ${nameCounts(unmapped)}`]),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** So many names fit on a line; `--json` has them all. */
const shownNames = 5;

/** The most frequent first. */
function nameCounts(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const shown = sorted.slice(0, shownNames).map(([name, count]) => `${name} ${formatCount(count)}`);
  const left = sorted.length - shown.length;
  return [...shown, ...(left > 0 ? [`${formatCount(left)} more`] : [])].join(", ");
}
