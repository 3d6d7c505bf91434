/** Makes text from outside safe to show: nothing in it can move a cursor, hide, or reorder. */

/**
 * Controls (C0, DEL, C1), format characters (direction, zero width, soft hyphen), line and paragraph
 * separators, lone surrogates, and the rest of what Unicode says is not drawn (variation selectors, fillers).
 *
 * @see https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
 */
const unsafe = "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Default_Ignorable_Code_Point}";

/** A backslash is escaped only where it could be read as the beginning of an escape. */
const escapable = new RegExp(`[${unsafe}]|\\\\(?=u\\{)`, "gu");

const unsafeInJson = new RegExp(`[${unsafe}]`, "gu");

/**
 * The text with every character that is not drawn as `\u{…}`, its code point in hex. Two texts that differ in
 * such a character look different: a backslash before `u{` becomes `\u{5c}`, and every other stays as it is.
 *
 * Apply it once, where text is written: a second time would escape its own escapes.
 */
export function printable(text: string): string {
  return text.replace(escapable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/**
 * An object as JSON on one line, without the newline. The characters that {@link printable} makes visible are
 * `\uXXXX`, so that it is safe on a terminal and still means the same to a JSON parser.
 */
export function jsonLine(value: object): string {
  // In JSON such characters occur in strings only; everything between those is ASCII.
  return JSON.stringify(value).replace(unsafeInJson, escapeUnits);
}

/** JSON knows no code points above U+FFFF: those are two escapes, one for each surrogate. */
function escapeUnits(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
