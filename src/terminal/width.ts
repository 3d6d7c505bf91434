/** How wide text is on a terminal: wide and combining characters count as a terminal draws them. */

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

/** The beginning of the text, with `…` where something was cut off, at most `columns` wide. */
export function shorten(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let width = 0;
  let beginning = "";
  for (const character of text) {
    width += Bun.stringWidth(character);
    // One column is left for the mark. What combines with the last character takes none, and stays with it.
    if (width > columns - 1) break;
    beginning += character;
  }
  return `${beginning}…`;
}

/**
 * The beginning and the end of the text, with `…` between them where something was cut out, at most `columns` wide:
 * values that begin alike, as pseudonyms of one key do, still look different.
 */
export function shortenMiddle(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  const room = Math.floor((columns - 1) / 2);
  if (room < 1) return shorten(text, columns);
  const end = [...text].reverse();
  let width = 0;
  let kept = 0;
  for (const character of end) {
    width += Bun.stringWidth(character);
    if (width > room) break;
    kept += 1;
  }
  const tail = end.slice(0, kept).reverse().join("");
  return shorten(text, columns - displayWidth(tail)) + tail;
}

/** The text broken into lines of at most `columns`, between words where that is possible. */
export function wrap(text: string, columns: number): string {
  return Bun.wrapAnsi(text, columns, { hard: true, trim: false });
}
