/** How a row meets one that is there already: the index that finds the conflict, and whether the table has it. */

import { EtlError } from "../errors.ts";
import type { ColumnMapping, Mapping } from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import type { TableDescription, UniqueIndex } from "./catalog.ts";
import { quoteName } from "./identifier.ts";

/** What the statement does with a row whose key is there. */
export type ConflictPlan =
  | { readonly action: "reject" }
  | {
      readonly action: "ignore";
      /** The columns of the one index that may ignore a row; where absent, every index may. */
      readonly key: readonly string[] | undefined;
      /** The columns that rows are sorted by, so that two loads do not wait for each other in a circle. */
      readonly order: readonly string[];
    }
  | {
      readonly action: "update";
      /** In the index's own order, so that loads with differently written keys sort alike. */
      readonly key: readonly string[];
      readonly newestBy: string;
    };

/**
 * Plans for the mapping's conflicts with what indexes the table has.
 *
 * Where exactly one unique index can be told from the mapping's columns, `ignore` goes by it alone: a clash elsewhere,
 * such as with a sequence that lags behind, is a rejection then and no silent loss.
 *
 * @throws EtlError `config` where the table cannot tell rows apart as the mapping says
 */
export function planConflict(table: TableDescription, mapping: Mapping): ConflictPlan {
  const { conflict } = mapping;
  switch (conflict.action) {
    case "reject":
      return { action: "reject" };
    case "ignore":
      if (conflict.key === undefined) return planIgnore(table, mapping);
      checkKey(table, mapping, conflict.key);
      return planByKey(indexFor(table, conflict.key));
    case "update": {
      checkKey(table, mapping, conflict.key);
      checkNewestBy(mappedColumn(mapping, conflict.newestBy));
      return { action: "update", key: indexFor(table, conflict.key).columns, newestBy: conflict.newestBy };
    }
  }
}

function planByKey({ columns }: UniqueIndex): ConflictPlan {
  return { action: "ignore", key: columns, order: columns };
}

function planIgnore(table: TableDescription, mapping: Mapping): ConflictPlan {
  const mapped = new Set(mapping.columns.map(({ column }) => column));
  const indexes = table.uniqueIndexes.filter(({ columns }) => columns.every((column) => mapped.has(column)));
  const usable = indexes.filter(({ defect }) => defect === undefined);
  const order = [...new Set(indexes.flatMap(({ columns }) => columns))];
  if (indexes.every(({ defect }) => defect === undefined) && new Set(usable.map(columnSet)).size === 1) {
    return { action: "ignore", key: usable[0]?.columns, order };
  }
  const late = table.uniqueIndexes.find(({ defect }) => defect === "deferrable");
  if (late !== undefined) throw deferrable(table, late);
  if (indexes.some(({ defect }) => defect !== "invalid")) return { action: "ignore", key: undefined, order };
  throw problem(
    `${table.sqlName} has no unique index over mapped columns, so that conflict = "ignore" would never ignore a row`,
    'name the columns that tell rows apart as [table] key = ["COLUMN"], or set conflict = "reject"',
  );
}

function indexFor(table: TableDescription, key: readonly string[]): UniqueIndex {
  const wanted = columnSet({ columns: key });
  const found = table.uniqueIndexes.filter((index) => columnSet(index) === wanted);
  const usable = found.find(({ defect }) => defect === undefined);
  if (usable !== undefined) return usable;
  const columns = key.map(quoteName).join(", ");
  const late = found.find(({ defect }) => defect === "deferrable");
  if (late !== undefined) throw deferrable(table, late);
  const [other] = found;
  throw problem(
    other === undefined
      ? `${table.sqlName} has no unique index on its key (${columns})`
      : `index ${other.name} on the key (${columns}) of ${table.sqlName} ${defects[other.defect ?? "invalid"]}`,
    `create unique index on ${table.sqlName} (${columns})`,
  );
}

const defects: Readonly<Record<NonNullable<UniqueIndex["defect"]>, string>> = {
  invalid: "is invalid: its making failed or has not ended",
  exclusion: "is an exclusion constraint, which names no single row",
  partial: "is partial: rows outside of it may have one key",
  expression: "is over an expression",
  deferrable: "is deferrable",
};

function checkKey(table: TableDescription, mapping: Mapping, key: readonly string[]): void {
  for (const name of key) {
    const { column, required, default: standIn } = mappedColumn(mapping, name);
    const live = table.columns.find((candidate) => candidate.name === column);
    if (required || standIn !== undefined || live?.nullable === false) continue;
    throw problem(
      `key column ${column} of ${table.sqlName} may be null, and a row without a key is never found again`,
      `alter table ${table.sqlName} alter column ${quoteName(column)} set not null`,
    );
  }
}

const ordered = ["text", "integer", "bigint", "numeric", "date", "timestamptz"];

function checkNewestBy(mapped: ColumnMapping): void {
  const masked = mapped.transforms.some(({ kind }) => kind === "mask");
  if (!masked && ordered.includes(storedType(mapped))) return;
  throw problem(
    `newest_by column ${mapped.column} is ${masked ? "masked" : `a ${storedType(mapped)}`}, which has no order in time`,
    "set newest_by to a column with a time or a number that grows, such as $sent_at",
  );
}

function mappedColumn({ columns }: Mapping, name: string): ColumnMapping {
  const found = columns.find(({ column }) => column === name);
  if (found !== undefined) return found;
  throw problem(`column ${name} of key or newest_by is not mapped`, "add it to the mapping's columns");
}

function deferrable(table: TableDescription, { name, columns }: UniqueIndex): EtlError {
  const list = columns.map(quoteName).join(", ");
  return problem(
    `constraint ${name} of ${table.sqlName} is deferrable, and a conflict must be found at once`,
    `alter table ${table.sqlName} drop constraint ${quoteName(name)}, add unique (${list})`,
  );
}

function columnSet({ columns }: Pick<UniqueIndex, "columns">): string {
  return JSON.stringify([...new Set(columns)].toSorted());
}

function problem(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "read table", message, hint });
}
