/** Warns where a table holds rows that were masked under another key: new ones would not join with them. */

import { keyedColumns } from "../message/stored-type.ts";
import type { Masker } from "../message/transforms/mask.ts";
import type { TableDescription } from "../postgres/catalog.ts";
import type { Database } from "../postgres/connect.ts";
import { maskKeysIn } from "../postgres/inspection.ts";
import type { Settings } from "../settings/settings.ts";
import type { Context } from "./context.ts";
import { defaultMethod } from "./masker.ts";

/** A view may take long over its first rows; no run waits for that. */
const patienceMillis = 2_000;

/** Looks, and warns in one line. Whatever keeps it from looking keeps no run from its work. */
export async function warnOfOtherMaskKeys(
  database: Database,
  table: Pick<TableDescription, "sqlName" | "columns">,
  { mask, table: { mapping } }: Pick<Settings, "mask" | "table">,
  { keyId }: Pick<Masker, "keyId">,
  { log }: Pick<Context, "log">,
): Promise<void> {
  const columns = keyedColumns(mapping, defaultMethod(mask.algorithm));
  if (keyId === undefined || columns.length === 0) return;
  const found = await maskKeysIn(database, table, columns, AbortSignal.timeout(patienceMillis)).catch(
    () => [],
  );
  const others = (found ?? []).filter((id) => id !== keyId);
  if (others.length === 0) return;
  log.warn(
    `${table.sqlName} holds rows masked under another key (${others.join(", ")}), and this one is ${keyId}: new rows do not join with them`,
  );
}
