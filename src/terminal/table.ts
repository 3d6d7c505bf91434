/** Rows as an aligned table, or as blocks on a terminal that has no room for a table. */

import { displayWidth, printable, shortenMiddle } from "./text.ts";

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
const gap = "  ";

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
function cellText(cell: string | null): string {
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

/** Narrower than this, a shortened value tells nobody anything. */
const leastCellColumns = 8;

/**
 * A table where every column gets a readable width, else one block a row; without a last newline.
 *
 * @param columns how wide the terminal is; undefined where nothing is to be shortened, as in a pipe
 */
export function formatRows(
  headers: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  {
    columns,
    rightAligned,
  }: { readonly columns: number | undefined; readonly rightAligned: readonly number[] },
): string {
  const isWide = columns === undefined || rows.length === 0 || columns >= readableWidth(headers.length);
  if (isWide) return formatTable(headers, rows, { columns, rightAligned });
  const whole = formatTable(headers, rows, { rightAligned });
  const width = displayWidth(whole.split("\n")[0] ?? "");
  return width <= columns ? whole : formatRecords(headers, rows, columns);
}

function readableWidth(count: number): number {
  return count * leastCellColumns + (count - 1) * gap.length;
}

function formatRecords(
  headers: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  columns: number,
): string {
  const widest = Math.max(...headers.map((header) => displayWidth(cellText(header))));
  const nameColumns = Math.min(widest, Math.floor(columns / 2));
  const valueColumns = Math.max(1, columns - nameColumns - gap.length);
  const blocks = rows.map((row, index) => {
    const lines = headers.map((header, column) => {
      const name = shortenMiddle(cellText(header), nameColumns);
      const padding = " ".repeat(nameColumns - displayWidth(name));
      return `${name}${padding}${gap}${shortenMiddle(cellText(row[column] ?? null), valueColumns)}`.trimEnd();
    });
    return [
      `-- row ${index + 1} `.padEnd(Math.min(columns, nameColumns + gap.length + 20), "-"),
      ...lines,
    ].join("\n");
  });
  return blocks.join("\n\n");
}
