/** Which fields messages have and lack, by the mapping: counted by name, and no value of them is looked at. */

import { type ColumnMapping, type Mapping, sourceName } from "./mapping.ts";

/** What was counted of the messages that became rows. */
export interface FieldCounts {
  /** Messages that became rows. */
  readonly mapped: number;
  /** Of these, how many had no such source, by its name. A null is there. Sources that all of them had are left out. */
  readonly absent: Readonly<Record<string, number>>;
  /**
   * Of these, how many had a field that no column takes, by its name as `from` would have it: the first 100 names that
   * look like identifiers. All others are counted together, as {@link otherNames}.
   */
  readonly unmapped: Readonly<Record<string, number>>;
}

/** Stands for names that are not shown. No shown name has a space in it. */
export const otherNames = "other names";

const mostNames = 100;

/** Fields are told of by at most so many names in one rejection. */
const mostNamesTold = 10;

/** Messages of a queue have few shapes. What has another one is counted too, a little slower. */
const mostShapes = 16;

/** An object with more keys is used as a dictionary, and its shape will not come again. */
const mostKeysOfShape = 256;

/** A name may hold personal data, as the keys of a map by e-mail address do. */
const identifier = /^[A-Za-z_][\w.-]{0,63}$/;

/** The names of an object's fields that may be shown: the first ten, and how many others there are. */
export function tellableFields(fields: object): { readonly fields: readonly string[]; otherFields?: number } {
  const names = Object.keys(fields);
  const shown = names.filter((name) => identifier.test(name)).slice(0, mostNamesTold);
  const otherFields = names.length - shown.length;
  return { fields: shown, ...(otherFields > 0 && { otherFields }) };
}

/** A field's name as `from` has it; undefined if it must not be shown. */
export function shownName(path: readonly string[]): string | undefined {
  return path.every((name) => identifier.test(name)) ? sourceName({ in: "body", path }) : undefined;
}

/** Counts a run's fields. Costs less than half a microsecond a message. */
export class FieldTally {
  readonly #sources: readonly string[];
  readonly #absent: number[];
  readonly #root: TakenFields;
  readonly #names = new Map<string, number>();
  #others = 0;
  #mapped = 0;

  constructor(mapping: Mapping) {
    this.#sources = sourcesOf(mapping.columns);
    this.#absent = this.#sources.map(() => 0);
    this.#root = new TakenFields([]);
    for (const { source } of mapping.columns) if (source.in === "body") this.#root.take(source.path);
  }

  /**
   * A message becomes rows.
   *
   * @param absent places of sources in {@link sourcesOf} that it lacks
   * @param fields its body; undefined if fields that no column takes are not to be counted
   */
  count(absent: readonly number[], fields: object | undefined): void {
    this.#mapped += 1;
    for (const place of absent) this.#absent[place] = (this.#absent[place] ?? 0) + 1;
    if (fields !== undefined) this.#root.count(fields, this.#add);
  }

  /** The first field that no column takes: its name, or {@link otherNames}. Undefined if there is none. */
  firstUnmapped(fields: object): string | undefined {
    return this.#root.firstUnmapped(fields);
  }

  get counts(): FieldCounts {
    const absent = this.#sources.map((source, place) => [source, this.#absent[place] ?? 0] as const);
    const unmapped = new Map(this.#names);
    let others = this.#others;
    this.#root.eachShape((name, count) => {
      if (unmapped.has(name)) unmapped.set(name, (unmapped.get(name) ?? 0) + count);
      else others += count;
    });
    return {
      mapped: this.#mapped,
      absent: Object.fromEntries(absent.filter(([, count]) => count > 0)),
      unmapped: { ...Object.fromEntries(unmapped), ...(others > 0 && { [otherNames]: others }) },
    };
  }

  /** Keeps the name if it is new and may be shown. */
  #add = (path: readonly string[], count: number): string => {
    const name = shownName(path) ?? otherNames;
    const known = this.#names.get(name);
    if (known === undefined && (name === otherNames || this.#names.size >= mostNames)) this.#others += count;
    else this.#names.set(name, (known ?? 0) + count);
    return name;
  };
}

/** The names of the sources that a message can lack, each once, in the order of the columns. */
export function sourcesOf(columns: readonly ColumnMapping[]): readonly string[] {
  const mayLack = columns.filter(({ source }) => source.in !== "constant");
  return [...new Set(mayLack.map(({ source }) => sourceName(source)))];
}

/** Keys in their order, and what of them no column takes. */
interface Shape {
  readonly keys: readonly string[];
  readonly unmapped: readonly string[];
  count: number;
}

type Add = (path: readonly string[], count: number) => string;

/** What columns take of an object, or of an array by its indexes. */
class TakenFields {
  /** By name; undefined if all of the field is taken. */
  readonly #inner = new Map<string, TakenFields | undefined>();
  #shapes: Shape[] = [];

  constructor(readonly path: readonly string[]) {}

  take([name = "", ...rest]: readonly string[]): void {
    if (rest.length === 0) {
      this.#inner.set(name, undefined);
      return;
    }
    if (this.#inner.has(name) && this.#inner.get(name) === undefined) return;
    const inner = this.#inner.get(name) ?? new TakenFields([...this.path, name]);
    this.#inner.set(name, inner);
    inner.take(rest);
  }

  count(value: unknown, add: Add): void {
    if (!hasFields(value)) return;
    if (!Array.isArray(value)) this.#countKeys(Object.keys(value), add);
    for (const [name, inner] of this.#inner) {
      if (inner !== undefined && Object.hasOwn(value, name)) inner.count(value[name], add);
    }
  }

  firstUnmapped(value: unknown): string | undefined {
    if (!hasFields(value)) return undefined;
    for (const name of Array.isArray(value) ? [] : Object.keys(value)) {
      if (!this.#inner.has(name)) return shownName([...this.path, name]) ?? otherNames;
    }
    for (const [name, inner] of this.#inner) {
      const found = Object.hasOwn(value, name) ? inner?.firstUnmapped(value[name]) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  eachShape(tell: (name: string, count: number) => void): void {
    for (const { unmapped, count } of this.#shapes) for (const name of unmapped) tell(name, count);
    for (const inner of this.#inner.values()) inner?.eachShape(tell);
  }

  #countKeys(keys: readonly string[], add: Add): void {
    for (const shape of this.#shapes) {
      if (!sameKeys(shape.keys, keys)) continue;
      shape.count += 1;
      return;
    }
    const isKept = this.#shapes.length < mostShapes && keys.length <= mostKeysOfShape;
    const unmapped: string[] = [];
    for (const name of keys) {
      // A kept shape holds the counts of its names, and a name is known from then on.
      if (!this.#inner.has(name)) unmapped.push(add([...this.path, name], isKept ? 0 : 1));
    }
    if (isKept) this.#shapes.push({ keys, unmapped, count: 1 });
  }
}

function hasFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !JSON.isRawJSON(value);
}

/** Keys are the runtime's own texts, and equal ones are mostly the same: this compares places in memory. */
function sameKeys(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let index = 0; index < some.length; index += 1) if (some[index] !== others[index]) return false;
  return true;
}
