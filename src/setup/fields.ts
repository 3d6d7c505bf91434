/** What a few messages have in common: their fields, with types and counts. No value of a message goes beyond this file. */

import { numberText, parseExactJson } from "../message/json.ts";
import { sourceName } from "../message/mapping.ts";
import { personalAmong, type Shape, shapesOf } from "./shapes.ts";

/** A value's type, as JSON has them, with whole numbers told from others. */
export type FieldType = "text" | "integer" | "decimal" | "boolean" | "null" | "array" | "object";

/** What a field is judged by. */
export interface FieldLooks {
  /** The names on the way to it. */
  readonly path: readonly string[];
  /** How many messages have it with a value of each type. */
  readonly types: ReadonlyMap<FieldType, number>;
  /** What at least one of its values, numbers as their texts, looks like. */
  readonly someShapes: ReadonlySet<Shape>;
}

/** One field of the sampled messages. */
export interface Field extends FieldLooks {
  /** As rejections call it. */
  readonly name: string;
  /** How many messages have it, null included. */
  readonly seen: number;
  /** What all of its values look like. */
  readonly allShapes: ReadonlySet<Shape>;
  /** How wide the range of its whole numbers is. */
  readonly integers?: IntegerSize | undefined;
  /** What lies inside of its lists and objects, and of its texts that hold JSON. */
  readonly inner: readonly FieldLooks[];
  /** Where all of its whole numbers, counted since 1970, are times from 1990 to 2100. */
  readonly epoch?: "seconds" | "millis" | undefined;
}

/** The smallest of Postgres's types that holds all of a field's whole numbers, `numeric` where no integer type does. */
export type IntegerSize = "integer" | "bigint" | "numeric";

/** The years 1990 to 2100, in seconds since 1970. */
const epochSeconds = { least: 631_152_000, most: 4_102_444_800 };

/** Nested deeper, an object is one value, as it would be in a `jsonb` column. */
const deepest = 5;

/** Objects that are used as dictionaries have a field for every key there ever was. */
const mostFields = 200;

/** What was found in a sample. */
export interface FieldsFound {
  /** In the order in which they first came. */
  readonly fields: readonly Field[];
  /** How many bodies were looked at. */
  readonly of: number;
  /** Whether there are more fields than can be looked through. */
  readonly cut: boolean;
}

/** The fields of decoded bodies. */
export function findFields(bodies: readonly object[]): FieldsFound {
  const found = new Map<string, FieldNotes>();
  let cut = false;
  for (const body of bodies) {
    // A body that is a map by e-mail address has names that no column can have.
    const named = Object.entries(body).filter(([name]) => !isPersonal(name));
    if (named.length < Object.keys(body).length) cut = true;
    visit(Object.fromEntries(named), [], (path, value) => {
      const key = JSON.stringify(path);
      const notes = found.get(key) ?? (found.size < mostFields ? new FieldNotes(path) : undefined);
      if (notes === undefined) {
        cut = true;
        return;
      }
      found.set(key, notes);
      notes.add(value);
    });
  }
  return { fields: Array.from(found.values(), (notes) => notes.field()), of: bodies.length, cut };
}

function visit(
  value: object,
  path: readonly string[],
  leaf: (path: readonly string[], value: unknown) => void,
): void {
  for (const [name, inner] of Object.entries(value)) {
    const here = [...path, name];
    const descends = typeOf(inner) === "object" && here.length < deepest && isRecord(inner);
    if (descends) visit(inner, here, leaf);
    else leaf(here, inner);
  }
}

/** Whether an object has fields, and no names that are a person's: a map by e-mail address is one value. */
function isRecord(value: object): boolean {
  const names = Object.keys(value);
  return names.length > 0 && !isPersonal(...names);
}

function isPersonal(...names: readonly string[]): boolean {
  return personalAmong(new Set(names.flatMap((name) => [...shapesOf(name)]))).length > 0;
}

function typeOf(value: unknown): FieldType {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "boolean";
  const number = numberText(value);
  if (number !== undefined) return /^-?\d+$/.test(number) ? "integer" : "decimal";
  return Array.isArray(value) ? "array" : "object";
}

/** What is kept of a field while its values go by. */
class FieldNotes {
  readonly #types = new Map<FieldType, number>();
  #seen = 0;
  #all: ReadonlySet<Shape> | undefined;
  readonly #some = new Set<Shape>();
  #integers: IntegerSize | undefined;
  #epoch: "seconds" | "millis" | "none" | undefined;
  readonly #inner = new Map<string, FieldNotes>();

  constructor(readonly path: readonly string[]) {}

  add(value: unknown): void {
    const type = typeOf(value);
    this.#seen += 1;
    this.#types.set(type, (this.#types.get(type) ?? 0) + 1);
    if (type === "integer") this.#addInteger(numberText(value) ?? "");
    if (type === "array" || type === "object") this.#addInner(value as object, this.path);
    const text = typeof value === "string" ? value : numberText(value);
    if (text === undefined) return;
    const shapes = shapesOf(text);
    if (shapes.has("json")) this.#addInner(parseExactJson(text) as object, this.path);
    for (const shape of shapes) this.#some.add(shape);
    this.#all = new Set([...(this.#all ?? shapes)].filter((shape) => shapes.has(shape)));
  }

  /** Places in a list are no names. */
  #addInner(value: object, path: readonly string[]): void {
    for (const [name, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) {
        for (const shape of shapesOf(name)) this.#some.add(shape);
        if (isPersonal(name)) continue;
      }
      const here = Array.isArray(value) ? path : [...path, name];
      const type = typeOf(inner);
      if (type === "array" || type === "object") {
        this.#addInner(inner, here);
        continue;
      }
      const key = JSON.stringify(here);
      const notes =
        this.#inner.get(key) ?? (this.#inner.size < mostFields ? new FieldNotes(here) : undefined);
      if (notes === undefined) return;
      this.#inner.set(key, notes);
      notes.add(inner);
    }
  }

  #addInteger(digits: string): void {
    this.#integers = widerSize(this.#integers, digits);
    const value = Number(digits);
    const within = (unit: number) => value >= epochSeconds.least * unit && value <= epochSeconds.most * unit;
    const epoch = within(1) ? "seconds" : within(1000) ? "millis" : "none";
    this.#epoch = this.#epoch === undefined || this.#epoch === epoch ? epoch : "none";
  }

  field(): Field {
    return {
      path: this.path,
      name: sourceName({ in: "body", path: this.path }),
      types: this.#types,
      seen: this.#seen,
      allShapes: this.#all ?? new Set(),
      someShapes: this.#some,
      inner: Array.from(this.#inner.values(), (notes) => notes.field()),
      integers: this.#integers,
      epoch: this.#epoch === "none" ? undefined : this.#epoch,
    };
  }
}

const sizes: readonly IntegerSize[] = ["integer", "bigint", "numeric"];

function widerSize(known: IntegerSize = "integer", digits: string): IntegerSize {
  const value = BigInt(digits);
  const own = BigInt.asIntN(32, value) === value ? 0 : BigInt.asIntN(64, value) === value ? 1 : 2;
  return sizes[Math.max(own, sizes.indexOf(known))] ?? "numeric";
}

/** The one type of a field's values, null aside; undefined where there are several, or none. */
export function soleType({ types }: Pick<Field, "types">): Exclude<FieldType, "null"> | undefined {
  const held = [...types.keys()].filter((type): type is Exclude<FieldType, "null"> => type !== "null");
  if (held.length === 2 && held.includes("integer") && held.includes("decimal")) return "decimal";
  const [only] = held;
  return held.length === 1 ? only : undefined;
}

/** Whether every sampled message has the field, and not as null. */
export function alwaysThere({ types, seen }: Pick<Field, "types" | "seen">, of: number): boolean {
  return seen === of && !types.has("null");
}
