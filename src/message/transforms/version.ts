/** A version string as one integer that sorts as versions do. */

import type { VersionBits } from "../mapping.ts";
import type { Refusal, RejectionReason } from "../rejection.ts";
import { textFault } from "../text.ts";

/** As many bits as a double holds exactly. */
const exactBits = 53;

/** As many bits as Postgres's `bigint` holds without its sign. */
const bigintBits = 63;

const numbersAndDots = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/;

/** Packs a version's text, in decimal; the path is the source's name, for the refusal. */
export type PackVersion = (value: unknown, path: string) => string | Refusal;

/**
 * Makes the packing of versions, major part first, each part in as many bits as it is given: with 15, 8 and 8 that is
 * `major << 16 | minor << 8 | patch`, so `2.3.0` is `131840`. Absent parts are zero.
 *
 * Parts are numbers, so `6.02` is 6.2.0 and `2.00` is 2.0.0. Different numbers never give the same integer: what does not fit
 * is refused, never cut. Of several faults the one told is a fourth part first, then the leftmost part that is no number,
 * then one that is too large.
 */
export function versionPacking(bits: VersionBits): PackVersion {
  const pack = bits[0] + bits[1] + bits[2] <= exactBits ? packNarrow(bits) : packWide(bits);
  return (value, path) => {
    if (typeof value !== "string") return { reason: "version_not_text", path };
    const parts = numbersAndDots.exec(value);
    if (parts === null) return { reason: textFault(value) ?? shapeFault(value), path };
    return pack(parts) ?? { reason: "version_out_of_range", path };
  };
}

/** The packed parts, of which the first is the whole match; undefined where one is too large. */
type PackParts = (parts: readonly (string | undefined)[]) => string | undefined;

/** In a double, which holds the whole. */
function packNarrow(bits: VersionBits): PackParts {
  const [majors, minors, patches] = bits.map((count) => 2 ** count) as [number, number, number];
  return ([, major, minor = "0", patch = "0"]) => {
    // A very long number loses digits here or becomes Infinity; either is too large.
    const [a, b, c] = [Number(major), Number(minor), Number(patch)];
    return a < majors && b < minors && c < patches ? String((a * minors + b) * patches + c) : undefined;
  };
}

function packWide(bits: VersionBits): PackParts {
  const [majors, minors, patches] = bits.map((count) => 2n ** BigInt(count)) as [bigint, bigint, bigint];
  return ([, major = "0", minor = "0", patch = "0"]) => {
    // A number of a million digits would take long to read, for nothing.
    if ([major, minor, patch].some((part) => Number(part) >= 2 ** bigintBits)) return undefined;
    const [a, b, c] = [BigInt(major), BigInt(minor), BigInt(patch)];
    return a < majors && b < minors && c < patches ? String((a * minors + b) * patches + c) : undefined;
  };
}

function shapeFault(text: string): RejectionReason {
  // The limit keeps a text of a million dots from becoming a million strings.
  const parts = text.split(".", 4);
  if (parts.length > 3) return "version_too_many_parts";
  const wrong = parts.find((part) => !/^\d+$/.test(part)) ?? "";
  if (wrong === "") return "version_empty_part";
  return /^[-+]/.test(wrong) ? "version_signed" : "version_not_numeric";
}
