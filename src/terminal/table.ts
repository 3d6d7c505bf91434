/** Rows as an aligned table, for the eyes of a person. */

import { printable } from "./printable.ts";
import { displayWidth, shortenMiddle } from "./width.ts";

/** How a table is laid out. */
interface TableOptions {
  /**
   * The widest a line may be: the widest columns are shortened to fit.
   *
   * @defaultValue nothing is shortened, as it should be in a pipe
   */
  readonly columns?: number | undefined;
  /** Indexes of the columns that are aligned to the right, as numbers are. */
  readonly rightAligned?: readonly number[] | undefined;
}

/** How null is shown. No text looks like it: a text that is this character is escaped. */
const nullMark = "∅";

/** What stands between two columns. */
export const gap = "  ";

/**
 * A header, a rule, and one line a row, all of the same width; without a last newline.
 *
 * @param rows as many cells each as there are headers; null is shown as `∅`
 */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  options: TableOptions = {},
): string {
  const cells = [headers.map(printable), ...rows.map((row) => row.map(cellText))];
  const natural = headers.map((_, column) =>
    cells.reduce((widest, row) => Math.max(widest, displayWidth(row[column] ?? "")), 1),
  );
  const columns = options.columns ?? Number.POSITIVE_INFINITY;
  const widths = fit(natural, columns - gap.length * (headers.length - 1));
  const right = headers.map((_, column) => options.rightAligned?.includes(column) ?? false);

  const lines = cells.map((row) =>
    widths.map((width, column) => align(row[column] ?? "", width, right[column] ?? false)).join(gap),
  );
  lines.splice(1, 0, widths.map((width) => "-".repeat(width)).join(gap));
  // Where not even one character a column fits, the line is cut as a whole.
  const total = Math.min(columns, displayWidth(lines[1] ?? ""));
  return lines.map((line) => align(line, total, false)).join("\n");
}

/** A cell as it is shown: on one line, and null unlike any text. */
export function cellText(cell: string | null): string {
  if (cell === null) return nullMark;
  return cell === nullMark ? "\\u{2205}" : printable(cell);
}

/** Takes from the widest columns first, so that narrow ones stay whole; none gets narrower than 1. */
function fit(natural: readonly number[], available: number): number[] {
  let left = Math.max(available, natural.length);
  const widths = [...natural];
  const fromNarrowest = natural
    .map((_, column) => column)
    .sort((a, b) => (natural[a] ?? 0) - (natural[b] ?? 0));
  fromNarrowest.forEach((column, done) => {
    const share = Math.floor(left / (fromNarrowest.length - done));
    const width = Math.min(natural[column] ?? 0, share);
    widths[column] = width;
    left -= width;
  });
  return widths;
}

/** Cut or padded to the width exactly. A wide character may not fit the last column: padding makes it up. */
function align(text: string, width: number, right: boolean): string {
  const shown = shortenMiddle(text, width);
  const padding = " ".repeat(width - displayWidth(shown));
  return right ? padding + shown : shown + padding;
}
