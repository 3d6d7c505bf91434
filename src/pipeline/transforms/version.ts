/** A version string as one integer that sorts as versions do. */

import type { Refusal, RejectionReason } from "../rejection.ts";
import type { Plain } from "../row.ts";

const maxMajor = 32_767;
const maxMinorOrPatch = 255;

/**
 * Packs a version as `major << 16 | minor << 8 | patch`, in decimal: `2.3.0` is `131840`, which always fits Postgres's
 * `integer`. Absent parts are zero.
 *
 * Parts are numbers, so `6.02` is 6.2.0 and `2.00` is 2.0.0. Different numbers never give the same integer: what does not fit
 * is refused, never cut. Of several faults the one told is a fourth part first, then the leftmost.
 *
 * @param path the field that the text comes from, for the refusal
 */
export function packVersion(text: string, path: string): Plain | Refusal {
  // The limit keeps a text of a million dots from becoming a million strings.
  const parts = text.split(".", 4);
  if (parts.length > 3) return { reason: "version_too_many_parts", path };
  let packed = 0;
  for (let index = 0; index < 3; index += 1) {
    const part = parts[index] ?? "0";
    const reason = partFault(part, index === 0 ? maxMajor : maxMinorOrPatch);
    if (reason !== undefined) return { reason, path };
    packed = packed * 256 + Number(part);
  }
  return String(packed) as Plain;
}

function partFault(part: string, max: number): RejectionReason | undefined {
  if (part === "") return "version_empty_part";
  if (part.startsWith("-") || part.startsWith("+")) return "version_signed";
  if (!/^[0-9]+$/.test(part)) return "version_not_numeric";
  // A very long number loses digits here or becomes Infinity; either is above the maximum.
  if (Number(part) > max) return "version_out_of_range";
  return undefined;
}
