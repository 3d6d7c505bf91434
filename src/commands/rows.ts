/** Shows rows of the target table to a person. */

import { columnKind } from "../pipeline/column-kind.ts";
import type { Mapping } from "../pipeline/mapping.ts";
import { formatTable } from "../terminal/table.ts";
import type { Context } from "./context.ts";

/** Writes an aligned table and an empty line to standard output; on a terminal it is made to fit. */
export async function printRows(
  mapping: Mapping,
  rows: readonly (readonly (string | null)[])[],
  { stdout }: Context,
): Promise<void> {
  const integers = mapping.flatMap(({ transform }, index) =>
    columnKind(transform) === "integer" ? [index] : [],
  );
  const table = formatTable(
    mapping.map(({ column }) => column),
    rows,
    { columns: stdout.isTerminal ? stdout.columns : undefined, rightAligned: integers },
  );
  await stdout.write(`${table}\n\n`);
}
