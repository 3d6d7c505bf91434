/** Rows as blocks of one line a column: for a terminal that has no room for them side by side. */

import { cellText, formatTable, gap } from "./table.ts";
import { displayWidth, shortenMiddle } from "./width.ts";

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
