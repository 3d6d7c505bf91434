/** What kind of value each transform makes: what a table's column must be able to take. */

import type { Transform } from "./mapping.ts";

/** The kind of a cell's value, before Postgres casts its text to the column's type. */
export type ColumnKind = "text" | "integer" | "date";

const kinds: Readonly<Record<Transform, ColumnKind>> = {
  text: "text",
  mask: "text",
  version: "integer",
  utc_date: "date",
};

/** The kind of value that a transform makes. */
export function columnKind(transform: Transform): ColumnKind {
  return kinds[transform];
}
