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

/** How sure it is that a column is named after what fills it: its very name, the same words, or likeness alone. */
export type Confidence = "exact" | "words" | "guess";

export interface NameMatch {
  readonly confidence: Confidence;
  /** How alike the names are, from 0 to 1. */
  readonly score: number;
}

/** Names that are less alike mean two things. */
const leastLikeness = 0.6;

/** Words that say what a parent has, and nothing without it: `customer.id` is not an order's `id`. */
const general = "id uuid key no nr number name type kind status state value code ref date time at".split(" ");

const timeHeads = "at on time timestamp ts date".split(" ");

/**
 * Whether the column is named after the field, by its name or its path. Words such as `masked` in the column's name do not
 * count. A guess asks for the same last word, too, which says what a thing is: `customer_ref` is not `customer.name`.
 */
export function nameMatch(path: readonly string[], column: string): NameMatch | undefined {
  const columnWords = wordsOf(column);
  const bare = columnWords.filter((word) => !makings.includes(word));
  const whole = path.flatMap(wordsOf);
  if (path.length === 1 && path[0] === column) return { confidence: "exact", score: 1 };
  if ([columnWords, bare].some((words) => words.length > 0 && words.join("") === whole.join("")))
    return { confidence: "words", score: 1 };
  // An amount's value is the amount.
  const meant = whole.length > 1 && whole.at(-1) === "value" ? whole.slice(0, -1) : whole;
  if (!sameHead(meant.at(-1) ?? "", bare.at(-1) ?? columnWords.at(-1) ?? "")) return undefined;
  const own = wordsOf(path.at(-1) ?? "");
  const isGeneral = own.length === 1 && general.includes(own[0] ?? "");
  if (path.length > 1 && bare.length === 1 && general.includes(bare[0] ?? "")) return undefined;
  // The whole path tells `user.id` from `order.id`.
  const score = Math.max(alike(meant, bare), isGeneral ? 0 : 0.95 * alike(own, bare));
  return score < leastLikeness ? undefined : { confidence: "guess", score };
}

function sameHead(a: string, b: string): boolean {
  const [short = "", long = ""] = [a, b].toSorted((one, other) => one.length - other.length);
  return (
    a === b ||
    (short.length > 2 && long.startsWith(short)) ||
    [a, b].every((word) => timeHeads.includes(word))
  );
}

/** How alike two names are, from 0 to 1; 1 means the same words. */
export function likeness(a: string, b: string): number {
  return alike(wordsOf(a), wordsOf(b));
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
