/** Text as a terminal shows it: safe characters, widths in columns, and numbers in words. */

import { formatCount } from "../text/counts.ts";

/**
 * Controls (C0, DEL, C1), format characters (direction, zero width, soft hyphen), line and paragraph
 * separators, lone surrogates, and the rest of what Unicode says is not drawn (variation selectors, fillers).
 *
 * @see https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
 */
const unsafe = "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Default_Ignorable_Code_Point}";

/** A backslash is escaped only if it could be read as the beginning of an escape. */
const escapable = new RegExp(`[${unsafe}]|\\\\(?=u\\{)`, "gu");

const unsafeInJson = new RegExp(`[${unsafe}]`, "gu");

/**
 * The text with every character that is not drawn as `\u{…}`, its code point in hex. Two texts that differ in
 * such a character look different: a backslash before `u{` becomes `\u{5c}`, and every other stays as it is.
 *
 * Apply it once, when text is written: a second time would escape its own escapes.
 */
export function printable(text: string): string {
  return text.replace(escapable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/**
 * An object as JSON on one line, without the newline. The characters that {@link printable} makes visible are
 * `\uXXXX`, so that it is safe on a terminal and still means the same to a JSON parser.
 */
export function jsonLine(value: object): string {
  // JSON has no escape for code points above U+FFFF: those are two, one for each surrogate.
  const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  // In JSON such characters occur in strings only; everything between those is ASCII.
  return JSON.stringify(value).replace(unsafeInJson, (character) => character.replaceAll(/./gs, escapeUnit));
}

const ascii = /^[ -~]*$/;

/**
 * Columns that the text takes, which must be printable: it holds no escape sequence.
 *
 * Counted by code point, as most terminals do, so that the width of two texts in a row is the sum of theirs.
 * (`Bun.stringWidth` of a whole text is not: it counts some sequences as one character.)
 */
export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += Bun.stringWidth(character);
  return width;
}

/** As many of the characters as fit into the columns. What combines with the last one takes none, and stays with it. */
function fitting(characters: Iterable<string>, columns: number): string[] {
  const fitting: string[] = [];
  let width = 0;
  for (const character of characters) {
    width += Bun.stringWidth(character);
    if (width > columns) break;
    fitting.push(character);
  }
  return fitting;
}

/** The beginning of the text, with `…` if something was cut off, at most `columns` wide. */
export function shorten(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  return columns < 1 ? "" : `${fitting(text, columns - 1).join("")}…`;
}

/**
 * The beginning and the end of the text, with `…` between them if something was cut out, at most `columns` wide:
 * values that begin alike, as pseudonyms of one key do, still look different.
 */
export function shortenMiddle(text: string, columns: number): string {
  const room = Math.floor((columns - 1) / 2);
  if (room < 1 || displayWidth(text) <= columns) return shorten(text, columns);
  const tail = fitting([...text].reverse(), room)
    .reverse()
    .join("");
  return shorten(text, columns - displayWidth(tail)) + tail;
}

/** The text broken into lines of at most `columns`, between words if possible. `Infinity` breaks nothing. */
export function wrap(text: string, columns: number): string {
  return Bun.wrapAnsi(text, columns, { hard: true, trim: false });
}

/** A count with its noun: `1 message`, `2 messages`. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** A number per second: `950/s`, and below ten `0.4/s`. */
export function formatRate(perSecond: number): string {
  return `${tenthsBelowTen(perSecond)}/s`;
}

/** A duration: `0.4 s`, `12 s`, `3 min 5 s`, `1 h 2 min`. */
export function formatSeconds(seconds: number): string {
  // Rounded first, so that 59.6 s is a minute and not "60 s".
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${tenthsBelowTen(seconds)} s`;
  const minutes = Math.floor(rounded / 60);
  if (minutes < 60) return `${minutes} min ${rounded % 60} s`;
  return `${formatCount(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

function tenthsBelowTen(value: number): string {
  const tenths = value.toFixed(1);
  return Number(tenths) < 10 ? tenths : formatCount(value);
}
