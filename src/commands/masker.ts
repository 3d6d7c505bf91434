/** Makes the masker a run asks for, or refuses the run: without a key nothing is received. */

import type { DefaultMaskMethod } from "../message/mapping.ts";
import { createMasker, type Masker } from "../message/mask.ts";
import { usesKey, usesPlainHash } from "../message/stored-type.ts";
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
