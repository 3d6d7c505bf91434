/** Tables of test cases that are easier to read as lines than as nested lists. */

/** The lines of a table, whose cells are parted by ` | `; `¶` in a cell is a new line. */
export function rowsOf(table: string): string[][] {
  const lines = table.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) =>
    line
      .trim()
      .split(" | ")
      .map((cell) => cell.replaceAll("¶", "\n")),
  );
}
