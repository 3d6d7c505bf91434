/** Finds out under which keys the rows of a table were masked. */

import { pseudonymPrefix } from "../message/transforms/mask.ts";
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
 * @returns undefined where the user may not read the columns, which a drain need not
 * @throws EtlError where the database does not answer
 */
export async function maskKeysIn(
  database: Database,
  { sqlName }: Pick<TableDescription, "sqlName">,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const values = columns.map((column) => `${quoteName(column)}::text`).join(", ");
  const names = columns.map((_, index) => `v${index + 1}`).join(", ");
  const text = `
    select distinct substr(value, ${pseudonymPrefix.length + 1}, 8) as key_id
    from (select ${values} from ${sqlName} limit ${rowsLookedAt}) as looked_at (${names}), unnest(array[${names}]) as value
    where value ~ '^${pseudonymPrefix}[0-9a-f]{8}:'
    order by key_id`;
  const options = { operation: "read masked rows", readOnly: true, signal };
  return await database.transaction(options, async (transaction) => {
    // Asked first: a refusal would be an error in the server's log, at each start.
    const [permitted] = await transaction.run(permittedSql, [sqlName, JSON.stringify(columns)]);
    if (permitted?.all !== true) return undefined;
    const rows = await transaction.run(text);
    return rows.map(({ key_id }) => key_id as string);
  });
}

const permittedSql = `
  select bool_and(pg_catalog.has_column_privilege($1::text::regclass, name, 'select')) as all
  from pg_catalog.json_array_elements_text($2::text::json) as mapped (name)`;
