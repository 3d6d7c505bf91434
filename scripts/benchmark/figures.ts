/** Many runs in one figure: the median, and between what it lies. */

/** A figure of several runs. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @throws where there are none */
export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted.at(0), sorted.at(-1)];
  if (least === undefined || most === undefined) throw new Error("no values");
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] as number;
  const high = sorted[Math.ceil(middle)] as number;
  return { median: (low + high) / 2, least, most };
}

/** `19,203 (18,950–19,611)`, to as many digits behind the point. */
export function shownFigure({ median, least, most }: Figure, digits = 0): string {
  return `${shownNumber(median, digits)} (${shownNumber(least, digits)}–${shownNumber(most, digits)})`;
}

/** With a comma between the thousands. */
export function shownNumber(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A table in Markdown. The first column is words, the others are numbers. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = header.map((_, column) => (column === 0 ? "---" : "--:"));
  return [line(header), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}
