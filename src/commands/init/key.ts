/** The key that a set-up masks under: the one that is there, or a new one that is not yet written. */

import { basename, dirname, join } from "node:path";
import { defaultKeyFile, readMaskKey } from "../../settings/mask-key.ts";
import type { MaskSettings } from "../../settings/settings.ts";
import { readTextFile } from "../../settings/text-file.ts";
import type { SetupKey } from "../../setup/ports.ts";
import { newMaskKey } from "../keys.ts";

/**
 * Finds the key or makes one, once. A key that the settings name and that is not there is an error, as one that was lost
 * would be: rows under a new key do not join with those under the old.
 *
 * @param configPath a new key lies beside this file
 */
export function setupKey(mask: MaskSettings, configPath: string): () => SetupKey {
  let found: SetupKey | undefined;
  return () => {
    found ??= findKey(mask, configPath);
    return found;
  };
}

function findKey(mask: MaskSettings, configPath: string): SetupKey {
  if (mask.key !== undefined || mask.keyFile !== undefined || mask.keyVariable !== undefined) {
    const place = mask.keyFile ?? mask.keyVariable ?? "ETL_MASK_KEY";
    return { bytes: readMaskKey(mask, readTextFile), place, isNew: false };
  }
  const path = join(dirname(configPath), defaultKeyFile);
  const isNew = readTextFile(path) === undefined;
  const bytes = isNew
    ? newMaskKey()
    : readMaskKey({ algorithm: mask.algorithm, keyFile: path }, readTextFile);
  return { bytes, place: path, file: basename(path), isNew };
}
