/** What a few messages have in common: their fields, with types and counts. No value of a message leaves this file. */

import type { Convert } from "../message/conversions.ts";
import { numberText, parseExactJson } from "../message/json.ts";
import { sourceName } from "../message/mapping.ts";
import { isRefusal } from "../message/message.ts";
import { tried } from "./conversions.ts";
import { personalAmong, type Shape, shapesOf } from "./shapes.ts";

/** A value's type in JSON; whole numbers are `integer`, others `decimal`. */
export type FieldType = "text" | "integer" | "decimal" | "boolean" | "null" | "array" | "object";

/** The years 1990 to 2100, in seconds since 1970. */
const epochSeconds = { least: 631_152_000, most: 4_102_444_800 };

/** An object nested deeper is one value, as in a `jsonb` column. */
const deepest = 5;

/** An object that is used as a dictionary has a field for every key there ever was. */
const mostFields = 200;

export interface FieldsFound {
  /** In the order in which they first came. */
  readonly fields: readonly Field[];
  readonly of: number;
  /** Whether fields were left out. */
  readonly cut: boolean;
}

/**
 * The fields of decoded bodies. What is an object with fields in some messages and null in others has its fields only; what
 * is an object in some and another value in others is one value.
 */
export function findFields(bodies: readonly object[]): FieldsFound {
  const found = new Map<string, Field>();
  let cut = false;
  // The keys of a map by e-mail address would be names of columns.
  const named = bodies.map((body) => {
    const kept = Object.entries(body).filter(([name]) => !isPersonal(name));
    if (kept.length < Object.keys(body).length) cut = true;
    return Object.fromEntries(kept);
  });
  const parents = new Map<string, "object" | "value">();
  for (const body of named) noteParents(body, [], parents);
  for (const body of named) {
    for (const [path, value] of leaves(body, [], parents)) {
      const field = fieldAt(found, path);
      field?.add(value);
      if (field === undefined) cut = true;
    }
  }
  return { fields: [...found.values()], of: bodies.length, cut };
}

/** Notes which paths have fields of their own in some body, and which of these have another value in some other body. */
function noteParents(value: object, path: readonly string[], parents: Map<string, "object" | "value">): void {
  for (const [name, inner] of Object.entries(value)) {
    const here = [...path, name];
    const key = JSON.stringify(here);
    if (isParent(inner, here)) {
      if (!parents.has(key)) parents.set(key, "object");
      noteParents(inner, here, parents);
    } else if (!isNothing(inner)) {
      parents.set(key, "value");
    }
  }
}

function* leaves(
  value: object,
  path: readonly string[],
  parents: ReadonlyMap<string, "object" | "value">,
): Generator<readonly [path: readonly string[], value: unknown]> {
  for (const [name, inner] of Object.entries(value)) {
    const here = [...path, name];
    const isObject = parents.get(JSON.stringify(here)) === "object";
    if (isObject && isParent(inner, here)) yield* leaves(inner, here, parents);
    else if (!isObject) yield [here, inner];
  }
}

function isParent(value: unknown, path: readonly string[]): value is object {
  return typeOf(value) === "object" && path.length < deepest && isRecord(value as object);
}

function isNothing(value: unknown): boolean {
  const type = typeOf(value);
  return type === "null" || (type === "object" && Object.keys(value as object).length === 0);
}

/** Whether an object has fields; an object with a person's data as names, such as a map by e-mail address, is one value. */
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

/** The field of a path; undefined if there are too many already. */
function fieldAt(known: Map<string, Field>, path: readonly string[]): Field | undefined {
  const key = JSON.stringify(path);
  const field = known.get(key) ?? (known.size < mostFields ? new Field(path) : undefined);
  if (field !== undefined) known.set(key, field);
  return field;
}

/** One field of the sampled messages. Looks at values and keeps none. */
export class Field {
  /** Its name in rejections. */
  readonly name: string;
  /** How many messages have it, null included. */
  seen = 0;
  /** How many messages have it with a value of each type. */
  readonly types = new Map<FieldType, number>();
  /** How many messages have it as an empty string. */
  empty = 0;
  /** The shapes that at least one of its values has, a number as its text. */
  readonly someShapes = new Set<Shape>();
  readonly #refusals = new Map<Convert, number>();
  #epochs: ReadonlySet<"seconds" | "millis"> | undefined;
  readonly #inner = new Map<string, Field>();

  /** @param path the names on the way to it */
  constructor(readonly path: readonly string[]) {
    this.name = sourceName({ in: "body", path });
  }

  /** How many of its values the conversion refuses. */
  refusals(convert: Convert): number {
    return this.#refusals.get(convert) ?? 0;
  }

  /** What its lists, its objects and its texts of JSON hold. */
  get inner(): readonly Field[] {
    return [...this.#inner.values()];
  }

  /** The unit in which all of its whole numbers, counted since 1970, are times from 1990 to 2100. */
  get epoch(): "seconds" | "millis" | undefined {
    return [...(this.#epochs ?? [])][0];
  }

  /** The one type of its values, `null` if there is nothing else; undefined if there are several types. */
  get soleType(): FieldType | undefined {
    const held = [...this.types.keys()].filter((type) => type !== "null");
    if (held.length === 2 && held.includes("integer") && held.includes("decimal")) return "decimal";
    return held.length > 1 ? undefined : (held[0] ?? "null");
  }

  /** Whether it is in every one of so many messages, and never null. */
  isInAll(messages: number): boolean {
    return this.seen === messages && !this.types.has("null");
  }

  add(value: unknown): void {
    const type = typeOf(value);
    this.seen += 1;
    this.types.set(type, (this.types.get(type) ?? 0) + 1);
    if (value === "") this.empty += 1;
    if (type !== "null") {
      for (const convert of tried) {
        if (isRefusal(convert(value, this.name))) this.#refusals.set(convert, this.refusals(convert) + 1);
      }
    }
    if (type === "integer") this.#addInteger(numberText(value) ?? "");
    if (type === "array" || type === "object") this.#addInner(value as object, this.path);
    const text = typeof value === "string" ? value : numberText(value);
    if (text === undefined) return;
    const shapes = shapesOf(text);
    if (shapes.has("json")) this.#addInner(parseExactJson(text) as object, this.path);
    for (const shape of shapes) this.someShapes.add(shape);
  }

  #addInner(value: object, path: readonly string[]): void {
    const isList = Array.isArray(value);
    for (const [name, inner] of Object.entries(value)) {
      // Indexes of a list are not names.
      if (!isList) {
        for (const shape of shapesOf(name)) this.someShapes.add(shape);
        if (isPersonal(name)) continue;
      }
      const here = isList ? path : [...path, name];
      const type = typeOf(inner);
      if (type === "array" || type === "object") this.#addInner(inner, here);
      else fieldAt(this.#inner, here)?.add(inner);
    }
  }

  #addInteger(digits: string): void {
    const within = (unit: number) =>
      Number(digits) >= epochSeconds.least * unit && Number(digits) <= epochSeconds.most * unit;
    const units = new Set<"seconds" | "millis">();
    if (within(1)) units.add("seconds");
    if (within(1000)) units.add("millis");
    this.#epochs = (this.#epochs ?? units).intersection(units);
  }
}
