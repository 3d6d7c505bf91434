/** Holds the mapping against the live table: what would refuse every row is refused before the first receive. */

import { EtlError } from "../errors.ts";
import { columnKind } from "../pipeline/column-kind.ts";
import type { ColumnMapping, Mapping } from "../pipeline/mapping.ts";
import type { TableColumn, TableDescription } from "./catalog.ts";
import { expectedTypes, holds, maxCharacters } from "./column-types.ts";
import { quoteName } from "./identifier.ts";

/**
 * Checks that the table can take what the mapping makes.
 *
 * @param maskCharacters how long the longest pseudonym is
 * @throws EtlError `config` for the first thing that does not fit
 */
export function checkTable(table: TableDescription, mapping: Mapping, maskCharacters: number): void {
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  for (const mapped of mapping) {
    const column = columns.get(mapped.column);
    if (column === undefined) throw missingColumn(table, mapped);
    checkColumn(table, column, mapped, maskCharacters);
  }
  const filled = new Set(mapping.map(({ column }) => column));
  for (const { name, nullable, hasDefault, alwaysGenerated } of table.columns) {
    if (!filled.has(name) && !nullable && !hasDefault && !alwaysGenerated) throw unfilledColumn(table, name);
  }
}

function checkColumn(
  { sqlName }: TableDescription,
  { name, type, declaredType, alwaysGenerated }: TableColumn,
  { transform }: ColumnMapping,
  maskCharacters: number,
): void {
  const kind = columnKind(transform);
  if (alwaysGenerated) {
    throw problem(
      `column ${name} of ${sqlName} is generated always and takes no value`,
      "take the column out of the mapping, or make it a plain one",
    );
  }
  if (!holds(type, kind) || (transform === "mask" && type.isEnum)) {
    throw problem(
      `column ${name} of ${sqlName} is of type ${declaredType}, expected is ${expectedTypes[kind]}`,
      `alter table ${sqlName} alter column ${quoteName(name)} type ..., or give another --table`,
    );
  }
  const characters = maxCharacters(type);
  if (transform === "mask" && characters !== undefined && characters < maskCharacters) {
    throw problem(
      `column ${name} of ${sqlName} takes ${characters} characters, and a masked value has ${maskCharacters}`,
      `alter table ${sqlName} alter column ${quoteName(name)} type varchar(${maskCharacters})`,
    );
  }
}

function missingColumn({ sqlName }: TableDescription, { column, createType }: ColumnMapping): EtlError {
  return problem(
    `table ${sqlName} has no column ${column}`,
    `alter table ${sqlName} add column ${quoteName(column)} ${createType}`,
  );
}

function unfilledColumn({ sqlName }: TableDescription, column: string): EtlError {
  return problem(
    `column ${column} of ${sqlName} must not be null, has no default, and nothing fills it`,
    `alter table ${sqlName} alter column ${quoteName(column)} drop not null, or set a default`,
  );
}

function problem(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "read table", message, hint });
}
