/** Reads the key that personal fields are masked under. Without a good one no message is received. */

import { EtlError } from "../errors.ts";
import type { MaskSettings } from "./settings.ts";
import { type ReadFile, requireOwnerOnly } from "./text-file.ts";

/** As many as the output of SHA-256: a shorter key is weaker than the hash (RFC 2104, section 3). */
const leastKeyBytes = 32;

/** The file that `etl keys generate` makes where no other is named. */
export const defaultKeyFile = "etl-mask.key";

/** Not simply to make a new one: rows under another key no longer join with those under the old. */
const badKeyHint =
  "copy the key again from its backup; where no row was masked with it, remove it and: etl keys generate";

/**
 * The key's bytes, from a variable or the key file: base64, standard or URL-safe, padded or not.
 *
 * @throws EtlError of kind config; it never quotes the key
 */
export function readMaskKey(mask: MaskSettings, readFile: ReadFile): Uint8Array {
  if (mask.key !== undefined && mask.keyFile !== undefined) {
    throw keyError("ETL_MASK_KEY and ETL_MASK_KEY_FILE are both set", "unset ETL_MASK_KEY");
  }
  const { keyVariable = "ETL_MASK_KEY" } = mask;
  if (mask.key !== undefined) return decodeKey(keyVariable, mask.key);
  if (mask.keyVariable !== undefined) {
    throw keyError(`${keyVariable}, which [mask] key names, is not set`, `export ${keyVariable}=…`);
  }
  if (mask.keyFile === undefined) {
    // Whoever has just made one, as the hint says, must not be led to a second key.
    const isMade = readFile(defaultKeyFile) !== undefined;
    throw keyError(
      "there is no mask key, and personal fields are never loaded unmasked",
      isMade ? `export ETL_MASK_KEY_FILE="$PWD/${defaultKeyFile}"` : "etl keys generate",
    );
  }
  const file = readFile(mask.keyFile);
  if (file === undefined) {
    throw keyError(
      `the mask key file ${mask.keyFile} does not exist`,
      `put it back from its backup, or for a first key: etl keys generate ${mask.keyFile}`,
    );
  }
  requireOwnerOnly(mask.keyFile, file, "the mask key");
  return decodeKey(mask.keyFile, file.text);
}

function decodeKey(origin: string, text: string): Uint8Array {
  const key = decodeBase64(text.replace(/\r?\n$/, ""));
  if (key === undefined) throw keyError(`${origin} is not a key in base64`, badKeyHint);
  if (key.length < leastKeyBytes) {
    throw keyError(`${origin} holds fewer than ${leastKeyBytes} bytes`, badKeyHint);
  }
  if (key.every((byte) => byte === key[0])) {
    throw keyError(`${origin} holds one byte again and again, which anyone can guess`, badKeyHint);
  }
  return key;
}

/** Node's decoder skips what it does not know, so that a damaged key would become another key. */
function decodeBase64(text: string): Uint8Array | undefined {
  const [, digits = "", padding = ""] = /^([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)(={0,2})$/.exec(text) ?? [];
  if (padding !== "" && (digits.length + padding.length) % 4 !== 0) return undefined;
  const key = Buffer.from(digits, "base64");
  // Encoding it again shows a lost character and bits that belong to no byte.
  const again = key.toString(/[-_]/.test(digits) ? "base64url" : "base64").replace(/=+$/, "");
  return again === digits && digits !== "" ? key : undefined;
}

function keyError(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "mask key", message, hint });
}
