/** What a text must be before it is masked or stored: one that Postgres keeps exactly as it is. */

import type { RejectionReason } from "./rejection.ts";

/**
 * Why a text cannot be taken, or undefined where it can.
 *
 * Postgres refuses U+0000 in text. A lone surrogate has no UTF-8 form: encoders put U+FFFD in its place without an
 * error, so that it would be stored as something else, and two different ones would mask alike.
 *
 * @see https://www.postgresql.org/docs/current/datatype-character.html
 */
export function textFault(
  text: string,
): Extract<RejectionReason, "text_nul" | "text_lone_surrogate"> | undefined {
  if (text.includes("\u0000")) return "text_nul";
  if (!text.isWellFormed()) return "text_lone_surrogate";
  return undefined;
}

/**
 * Whether a text has at most so many characters, counted as Postgres counts them: in code points.
 *
 * Postgres would cut spaces off the end of a longer text to make it fit. Here they count: nothing is stored shortened.
 */
export function fitsCharacters(text: string, maxCharacters: number): boolean {
  // A code point takes one or two UTF-16 units: most texts are decided by their length, and no count passes the maximum.
  if (text.length <= maxCharacters) return true;
  let characters = 0;
  for (let unit = 0; unit < text.length; characters += 1) {
    if (characters === maxCharacters) return false;
    unit += (text.codePointAt(unit) as number) > 0xffff ? 2 : 1;
  }
  return true;
}
