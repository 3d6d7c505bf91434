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

/** As many cells in each row as there are headers. Null is shown as `∅`. */
type Rows = readonly (readonly (string | null)[])[];

/** How null is shown. No text looks like it: a text that is this character is escaped. */
const nullMark = "∅";

const gap = "  ";

/** A header, a rule, and one line a row, all of the same width; without a last newline. */
export function formatTable(headers: readonly string[], rows: Rows, options: TableOptions = {}): string {
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
  // If not even one character a column fits, the line is cut as a whole.
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
 * A table if every column gets a readable width, else one block a row with a line a column; without a last newline.
 *
 * @param columns how wide the terminal is; undefined if nothing is to be shortened, as in a pipe
 */
export function formatRows(
  headers: readonly string[],
  rows: Rows,
  { columns, rightAligned }: { columns: number | undefined; rightAligned: readonly number[] },
): string {
  const readable = headers.length * (leastCellColumns + gap.length) - gap.length;
  if (columns === undefined || rows.length === 0 || columns >= readable) {
    return formatTable(headers, rows, { columns, rightAligned });
  }
  const whole = formatTable(headers, rows, { rightAligned });
  const width = displayWidth(whole.split("\n")[0] ?? "");
  return width <= columns ? whole : formatRecords(headers.map(printable), rows, columns);
}

function formatRecords(names: readonly string[], rows: Rows, columns: number): string {
  const nameColumns = Math.min(Math.max(...names.map(displayWidth)), Math.floor(columns / 2));
  const valueColumns = Math.max(1, columns - nameColumns - gap.length);
  const ruleColumns = Math.min(columns, nameColumns + gap.length + 20);
  const blocks = rows.map((row, index) => {
    const lines = names.map((name, column) => {
      const value = shortenMiddle(cellText(row[column] ?? null), valueColumns);
      return `${align(name, nameColumns, false)}${gap}${value}`.trimEnd();
    });
    return [`-- row ${index + 1} `.padEnd(ruleColumns, "-"), ...lines].join("\n");
  });
  return blocks.join("\n\n");
}
