/** Makes the masker a run asks for, or refuses the run, because nothing is received without a key; and knows other keys in the table. */

import type { DefaultMaskMethod } from "../message/mapping.ts";
import { createMasker, type Masker } from "../message/mask.ts";
import { keyedColumns, usesKey, usesPlainHash } from "../message/stored-type.ts";
import type { TableDescription } from "../postgres/catalog.ts";
import type { Database } from "../postgres/connect.ts";
import { maskKeysIn } from "../postgres/inspection.ts";
import { readMaskKey } from "../settings/mask-key.ts";
import type { MaskAlgorithm } from "../settings/options.ts";
import type { Settings } from "../settings/settings.ts";
import { readTextFile } from "../settings/text-file.ts";
import type { Context } from "./context.ts";

/** How a column is masked that names no method of its own. */
export function defaultMethod(algorithm: MaskAlgorithm): DefaultMaskMethod {
  return algorithm === "hmac-sha256" ? "hmac" : "sha256";
}

/**
 * The masker of the settings. Warns, in one line, where what it makes can be reversed.
 *
 * @throws EtlError of kind config where a column needs a key and there is no good one
 */
export function openMasker(
  { mask, table: { mapping } }: Pick<Settings, "mask" | "table">,
  { log }: Pick<Context, "log">,
): Masker {
  const method = defaultMethod(mask.algorithm);
  if (usesPlainHash(mapping, method)) {
    log.warn(
      "masking with sha256 and no key: anyone can reverse an IPv4 address masked so by trying all of them",
    );
  }
  const key = usesKey(mapping, method) ? { key: readMaskKey(mask, readTextFile) } : {};
  return createMasker({ defaultMethod: method, ...key });
}

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
