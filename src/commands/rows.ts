/** Shows rows of the target table: to a person as a table, to a script as objects. */

import type { ColumnMapping, ColumnType, Mapping } from "../message/mapping.ts";
import type { Cell, Row } from "../message/message.ts";
import { storedType } from "../message/stored-type.ts";
import { formatRows } from "../terminal/table.ts";
import type { Context } from "./context.ts";

const numberTypes: ReadonlySet<ColumnType> = new Set(["integer", "bigint", "numeric"]);

/** Writes a table, or a block a row if a terminal has no room for one, and an empty line to standard output. */
export async function printRows(
  { columns }: Mapping,
  rows: readonly (readonly (string | null)[])[],
  { stdout }: Context,
): Promise<void> {
  const numbers = columns.flatMap((column, index) => (numberTypes.has(storedType(column)) ? [index] : []));
  const shown = formatRows(
    columns.map(({ column }) => column),
    rows,
    { columns: stdout.isTerminal ? stdout.columns : undefined, rightAligned: numbers },
  );
  await stdout.write(`${shown}\n\n`);
}

/**
 * A row as JSON has it. Integers that every JSON reader takes are numbers, and booleans are booleans; everything else is the
 * text that Postgres is given, so that no digit of it is lost on the way.
 */
export function rowObject({ columns }: Mapping, row: Row): Record<string, Cell | number | boolean> {
  return Object.fromEntries(
    columns.map((column, index) => [column.column, jsonCell(column, row[index] ?? null)]),
  );
}

function jsonCell(column: ColumnMapping, cell: Cell): Cell | number | boolean {
  if (cell === null) return null;
  const type = storedType(column);
  if (type === "boolean") return cell === ("true" as Cell);
  const number = type === "integer" || type === "bigint" ? Number(cell) : Number.NaN;
  return Number.isSafeInteger(number) ? number : cell;
}
