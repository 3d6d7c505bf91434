/** Makes the masker a run asks for, or refuses the run: without a key nothing is received. */

import { readMaskKey } from "../config/mask-key.ts";
import type { MaskSettings } from "../config/settings.ts";
import { readTextFile } from "../config/text-file.ts";
import { createMasker, type Masker } from "../pipeline/transforms/mask.ts";
import type { Context } from "./context.ts";

/**
 * The masker of the settings. Warns, in one line, where what it makes can be reversed.
 *
 * @throws EtlError of kind config where the method needs a key and there is no good one
 */
export function openMasker(settings: MaskSettings, { log }: Pick<Context, "log">): Masker {
  if (settings.algorithm === "hmac-sha256") {
    return createMasker({ algorithm: "hmac-sha256", key: readMaskKey(settings, readTextFile) });
  }
  log.warn(
    "masking with sha256 and no key: anyone can reverse an IPv4 address masked so by trying all of them",
  );
  return createMasker({ algorithm: "sha256" });
}
