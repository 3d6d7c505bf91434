/** Takes the encoding off the sender's text: strictly, and never into more than a message may be. */

import { gunzipSync } from "node:zlib";
import type { BodyFormat } from "./mapping.ts";
import type { Refusal, RejectionReason } from "./rejection.ts";

/**
 * The most that a compressed text may grow to, in bytes: many times what SQS takes (1 MiB), and little enough for a
 * hundred at once.
 */
const maxInflatedBytes = 16 * 1_048_576;

/** Refuses what is no UTF-8, and leaves a byte order mark for JSON to refuse. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Takes an encoding off a text. Never throws. */
export type DecodeText = (text: string) => string | Refusal;

/** The decoding of an encoding; undefined where there is none to take off. */
export function textDecoding(encoding: BodyFormat["encoding"]): DecodeText | undefined {
  switch (encoding) {
    case "none":
      return undefined;
    case "base64":
      return (text) => {
        const bytes = base64Bytes(text);
        return bytes === undefined ? refused("body_not_base64") : utf8Text(bytes);
      };
    case "gzip+base64":
      return (text) => {
        const bytes = base64Bytes(text);
        return bytes === undefined ? refused("body_not_base64") : inflatedText(bytes);
      };
  }
}

/**
 * The bytes of a text in base64 with its padding, and nothing else: no white space, no other alphabet, no stray bits.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4648#section-4
 */
function base64Bytes(text: string): Buffer | undefined {
  // Node's decoder passes over what is not base64; only what it would write itself is.
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function inflatedText(bytes: Buffer): string | Refusal {
  try {
    return utf8Text(gunzipSync(bytes, { maxOutputLength: maxInflatedBytes }));
  } catch (error) {
    return refused(isTooLarge(error) ? "body_too_large" : "body_not_gzip");
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}

function utf8Text(bytes: Buffer): string | Refusal {
  try {
    return utf8.decode(bytes);
  } catch {
    return refused("body_not_text");
  }
}

function refused(reason: RejectionReason): Refusal {
  return { reason, path: "" };
}
