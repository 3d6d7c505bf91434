/** Finds out under which keys the rows of a table were masked. */

import { pseudonymPrefix } from "../pipeline/transforms/mask.ts";
import type { TableDescription } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { quoteName } from "./identifier.ts";

/** So many rows are looked at: enough to meet another key, and no scan of a large table. */
const rowsLookedAt = 1000;

/**
 * The ids of the keys that are met in the first rows of a table.
 *
 * @param columns those that are masked under a key
 * @param signal ends the look, with the connection
 * @throws EtlError of kind `permission` where the user may not read the columns, which a drain need not
 */
export async function maskKeysIn(
  database: Database,
  { sqlName }: Pick<TableDescription, "sqlName">,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const values = columns.map((column) => `${quoteName(column)}::text`).join(", ");
  const names = columns.map((_, index) => `v${index + 1}`).join(", ");
  const text = `
    select distinct substr(value, ${pseudonymPrefix.length + 1}, 8) as key_id
    from (select ${values} from ${sqlName} limit ${rowsLookedAt}) as looked_at (${names}), unnest(array[${names}]) as value
    where value ~ '^${pseudonymPrefix}[0-9a-f]{8}:'
    order by key_id`;
  const options = { operation: "read masked rows", readOnly: true, signal };
  const rows = await database.transaction(options, (transaction) => transaction.run(text));
  return rows.map(({ key_id }) => key_id as string);
}
