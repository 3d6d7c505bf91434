/** Writes one bound text as a value of its column's type. */

import { EtlError } from "../errors.ts";
import type { ColumnMapping } from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import type { TableDescription } from "./catalog.ts";
import { roundsTo } from "./column-types.ts";

/**
 * The value of a column as SQL. What the column would round makes the statement fail as a value does that is no number
 * at all; the error quotes nothing of it.
 *
 * @param text the SQL of the bound text
 */
export function cellSql(table: TableDescription, mapped: ColumnMapping, text: string): string {
  const column = table.columns.find(({ name }) => name === mapped.column);
  if (column === undefined) {
    throw new EtlError({
      kind: "internal",
      operation: "load",
      message: `column ${mapped.column} was not checked against ${table.sqlName}`,
    });
  }
  const stored = storedType(mapped);
  const cast = `${text}::${column.castType}`;
  const rounded = roundsTo(column.type, stored);
  if (rounded !== undefined) {
    // Depends on the value without holding any of it: a constant would fail when the statement is planned.
    const refused = `('rounded' || left(${text}, 0))::${stored}::${column.castType}`;
    return `case when ${text}::${stored} <> ${text}::${rounded} then ${refused} else ${cast} end`;
  }
  return column.collation === undefined ? cast : `${cast} collate ${column.collation}`;
}

/** What a cell is called in the load's own queries, where no name of the table's can clash with it. */
export function cellName(index: number): string {
  return `c${index + 1}`;
}
