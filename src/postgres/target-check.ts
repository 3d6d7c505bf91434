/** Asks, when a load was refused, whether table and ledger are still what the run began with. */

import { readTable } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { unfit } from "./identifier.ts";
import { requireLedger } from "./ledger.ts";
import type { LoadTarget } from "./load-statement.ts";
import { checkTable, planConflict } from "./table-check.ts";

/**
 * Checks what a start checks, as far as a load relies on it.
 *
 * @throws EtlError of kind config, with what mends it, if a column, an index or the ledger's key is gone or has changed
 */
export async function requireTarget(
  database: Database,
  { table, mapping, ledger }: LoadTarget,
): Promise<void> {
  const now = await readTable(database, table.sqlName);
  checkTable(now, mapping);
  const plan = planConflict(table, mapping);
  const relied = plan.action === "ignore" && plan.key === undefined ? plan.indexes : [];
  const gone = relied.find((index) => !now.uniqueIndexes.some(({ name }) => name === index));
  if (gone !== undefined) {
    throw unfit(
      `unique index ${gone} of ${table.sqlName} is gone: rows that it kept apart would be stored twice`,
      "create the index again, or run the same command again, which goes by the indexes that are left",
    );
  }
  await requireLedger(database, ledger, table, { operation: "check ledger" });
}
