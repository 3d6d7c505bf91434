/** Gathers what is known of the mask key for `etl doctor`; of the key itself no more than its length. */

import type { KeyFacts } from "../../doctor/settings-checks.ts";
import { usesKey, usesPlainHash } from "../../message/stored-type.ts";
import { readMaskKey } from "../../settings/mask-key.ts";
import type { Settings } from "../../settings/settings.ts";
import { readTextFile } from "../../settings/text-file.ts";
import { defaultMethod } from "../masker.ts";

/**
 * Reads the key, where one is needed.
 *
 * @throws EtlError of kind config where there is none, or where it is weak, damaged or open to others
 */
export function keyFacts({ mask, table: { mapping } }: Pick<Settings, "mask" | "table">): KeyFacts {
  const method = defaultMethod(mask.algorithm);
  const plainHash = usesPlainHash(mapping, method);
  if (!usesKey(mapping, method)) return { plainHash };
  const bytes = readMaskKey(mask, readTextFile).length;
  const inFile = mask.key === undefined;
  const place = (inFile ? mask.keyFile : mask.keyVariable) ?? "ETL_MASK_KEY";
  return { key: { place, bytes, inFile }, plainHash };
}
