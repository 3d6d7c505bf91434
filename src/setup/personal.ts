/** Proposes which fields are personal, by their names and by what their values look like; rather once too often. */

import { type Field, type FieldLooks, soleType } from "./fields.ts";
import { deviceTraits, endings, names, type PersonalKind, people } from "./personal-names.ts";
import { type PersonalShape, personalAmong, type Shape } from "./shapes.ts";
import { wordsOf } from "./words.ts";

const kindOfShape: Readonly<Record<PersonalShape, PersonalKind>> = {
  ip: "IP address",
  ips: "IP address",
  endpoint: "IP address",
  email: "e-mail address",
  phone: "phone number",
  mac: "device or advertising id",
  imei: "device or advertising id",
  ssn: "identity or payment",
  card: "identity or payment",
  iban: "identity or payment",
  jwt: "secret",
  coordinates: "precise location",
};

/**
 * What kind of personal value the field holds; undefined where neither its name nor one of its values says so. One value
 * of a personal shape is enough, and one personal field inside of a list or an object.
 */
export function personalKind(field: Pick<Field, keyof FieldLooks | "inner">): PersonalKind | undefined {
  for (const looks of [field, ...field.inner]) {
    const kind = kindOfLooks(looks);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

function kindOfLooks({ path, types, someShapes }: FieldLooks): PersonalKind | undefined {
  if (soleType({ types }) === "boolean") return undefined;
  const words = path.flatMap(wordsOf);
  return byName(words) ?? byEnding(words, types) ?? byShape(someShapes, words);
}

function byName(words: readonly string[]): PersonalKind | undefined {
  // A name all by itself is rather a person's than a thing's.
  if (words.length === 1 && words[0] === "name") return "name";
  for (const [kind, phrases] of Object.entries(names) as [PersonalKind, readonly string[]][]) {
    if (phrases.some((phrase) => hasPhrase(words, phrase.split(" ")))) return kind;
  }
  return undefined;
}

function byEnding(words: readonly string[], types: FieldLooks["types"]): PersonalKind | undefined {
  const last = words.at(-1) ?? "";
  if (endings.has(last)) return "identity or payment";
  // A number stands for a person of some other table, and an object has fields of its own.
  const mayBeText = types.has("text") || [...types.keys()].every((type) => type === "null");
  return people.has(last) && mayBeText ? "name" : undefined;
}

function hasPhrase(words: readonly string[], phrase: readonly string[]): boolean {
  return words.some((_, start) => {
    if (!phrase.every((word, index) => words[start + index] === word)) return false;
    const next = words[start + phrase.length] ?? "";
    return !(phrase.join() === "device" && deviceTraits.has(next));
  });
}

function byShape(shapes: ReadonlySet<Shape>, words: readonly string[]): PersonalKind | undefined {
  // A version of four parts looks like an address.
  const found = personalAmong(shapes).find((shape) => !(shape === "ip" && words.includes("version")));
  return found && kindOfShape[found];
}
