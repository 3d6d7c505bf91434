/** Names of fields and columns, compared word by word, whatever separates the words. */

/** The words of a name in lower case: `userID`, `user_id` and `User Id` are `user`, `id`. */
export function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/(\p{Ll}|\d)(\p{Lu})/gu, "$1 $2")
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

/** Words in a column's name that say how its value was made, not which value it is. */
const makings =
  "masked mask hashed hash hmac pseudonym pseudonymised pseudonymized anonymised anonymized encrypted".split(
    " ",
  );

/**
 * How alike a field's path and a column's name are, from 0 to 1; 1 means the same words. The field's own name and its
 * whole path are compared with the column's name, with and without words such as `masked`.
 */
export function likeness(path: readonly string[], column: string): number {
  const columnWords = wordsOf(column);
  const bare = columnWords.filter((word) => !makings.includes(word));
  const whole = path.flatMap(wordsOf);
  const own = wordsOf(path.at(-1) ?? "");
  return Math.max(
    alike(whole, columnWords),
    // The whole path tells `user.id` from `order.id`.
    0.95 * alike(own, columnWords),
    0.95 * alike(whole, bare),
    0.9 * alike(own, bare),
  );
}

/** The better of two measures: shared words, and shared pairs of letters, which forgives an abbreviation. */
function alike(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return 0;
  return Math.max(dice(a, b), dice(letterPairs(a.join("")), letterPairs(b.join(""))));
}

function letterPairs(text: string): readonly string[] {
  const letters = [...text];
  return letters.length < 2 ? letters : letters.slice(1).map((letter, index) => `${letters[index]}${letter}`);
}

/** @see https://en.wikipedia.org/wiki/Dice-S%C3%B8rensen_coefficient */
function dice(a: readonly string[], b: readonly string[]): number {
  const left = [...b];
  let shared = 0;
  for (const item of a) {
    const index = left.indexOf(item);
    if (index < 0) continue;
    left.splice(index, 1);
    shared += 1;
  }
  return (2 * shared) / (a.length + b.length);
}

/** The most bytes that Postgres keeps of a name. */
const maxNameBytes = 63;

/** A column's name of these words: lower case with `_` in between, which Postgres takes without quotes. */
export function columnName(path: readonly string[]): string {
  const words = path.flatMap(wordsOf).join("_");
  let name = /^[\p{L}_]/u.test(words) ? words : `_${words}`;
  while (Buffer.byteLength(name) > maxNameBytes) name = [...name].slice(0, -1).join("");
  return name;
}
