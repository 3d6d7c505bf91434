/** Which fields messages have and lack, by the mapping: counted by name, and no value of them is looked at. */

import { type ColumnMapping, fieldPath, type Mapping, sourceName } from "./mapping.ts";

/** What was counted of the messages that the mapping took. */
export interface FieldCounts {
  /** Messages that the mapping took. */
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

/** So many names of an object are known without a look at them. Of one that is used as a dictionary every name is new. */
const mostKnown = 1000;

/** A name may hold personal data, as the keys of a map by e-mail address do. */
const identifier = /^[A-Za-z_][\w.-]{0,63}$/;

/** The names of an object's fields that may be shown: the first ten, and how many others there are. */
export function tellableFields(fields: object): { readonly fields: readonly string[]; otherFields?: number } {
  const names = Object.keys(fields);
  const shown = names.filter(isTellable).slice(0, mostNamesTold);
  const otherFields = names.length - shown.length;
  return { fields: shown, ...(otherFields > 0 && { otherFields }) };
}

/** Whether a name may be shown: it looks like that of a field, and not like personal data. */
export function isTellable(name: string): boolean {
  return identifier.test(name);
}

/** A field's name as `from` has it, or {@link otherNames}. */
function shownName(outer: readonly string[], name: string): string {
  return isTellable(name) ? sourceName({ in: "body", path: [...outer, name] }) : otherNames;
}

/** How many messages had a field. */
interface Count {
  messages: number;
}

/**
 * What of an earlier run's counts concerns the mapping, which may have been changed since: absent sources that it still
 * takes, and fields that it still takes nothing of.
 */
export function stillPassedBy(
  { mapped, absent, unmapped }: FieldCounts,
  { columns, unmapped: action }: Mapping,
): FieldCounts {
  const sources = sourcesOf(columns);
  const taken = columns.flatMap(({ source }) => (source.in === "body" ? [source.path] : []));
  const isTaken = (name: string) => {
    const path = fieldPath(name);
    return taken.some((other) =>
      Array.from({ length: Math.min(path.length, other.length) }).every(
        (_, index) => path[index] === other[index],
      ),
    );
  };
  const only = (counts: FieldCounts["absent"], keep: (name: string) => boolean) =>
    Object.fromEntries(Object.entries(counts).filter(([name]) => keep(name)));
  return {
    mapped,
    absent: only(absent, (name) => sources.includes(name)),
    unmapped: action === "ignore" ? {} : only(unmapped, (name) => !isTaken(name)),
  };
}

/** Counts a run's fields. Costs a fraction of a microsecond a message. */
export class FieldTally {
  readonly #sources: readonly string[];
  readonly #absent: number[];
  readonly #root: TakenFields;
  readonly #unmapped = new Map<string, Count>();
  readonly #others: Count = { messages: 0 };
  #mapped = 0;

  constructor(mapping: Mapping) {
    this.#sources = sourcesOf(mapping.columns);
    this.#absent = this.#sources.map(() => 0);
    this.#root = new TakenFields([], (name) => this.#countOf(name));
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
    if (absent.length > 0) for (const place of absent) this.#absent[place] = (this.#absent[place] ?? 0) + 1;
    if (fields !== undefined) this.#root.count(fields);
  }

  /** The first field that no column takes: its name, or {@link otherNames}. Undefined if there is none. */
  firstUnmapped(fields: object): string | undefined {
    return this.#root.firstUnmapped(fields);
  }

  get counts(): FieldCounts {
    const absent = this.#sources.map((source, place) => [source, this.#absent[place] ?? 0] as const);
    const unmapped = [...this.#unmapped].map(([name, { messages }]) => [name, messages] as const);
    const others = this.#others.messages;
    return {
      mapped: this.#mapped,
      absent: Object.fromEntries(absent.filter(([, count]) => count > 0)),
      unmapped: Object.fromEntries(others === 0 ? unmapped : [...unmapped, [otherNames, others]]),
    };
  }

  #countOf(name: string): Count {
    if (name === otherNames || this.#unmapped.size >= mostNames)
      return this.#unmapped.get(name) ?? this.#others;
    const count = this.#unmapped.get(name) ?? { messages: 0 };
    this.#unmapped.set(name, count);
    return count;
  }
}

/** The names of the sources that a message can lack, each once, in the order of the columns. */
export function sourcesOf(columns: readonly ColumnMapping[]): readonly string[] {
  const mayLack = columns.filter(({ source }) => source.in !== "constant");
  return [...new Set(mayLack.map(({ source }) => sourceName(source)))];
}

type Within = readonly [name: string, inner: TakenFields];

/** What columns take of an object, or of an array by its indexes. */
class TakenFields {
  /** By name; undefined if all of the field is taken. */
  readonly #inner = new Map<string, TakenFields | undefined>();
  /** Those of the fields within, as pairs: a map is slower to go through. */
  #within: Within[] = [];
  /** Of names that were met: what counts them. A name that a column takes is counted for nothing. */
  readonly #counts = new Map<string, Count>();

  /** @param countOf what counts a name that is shown so */
  constructor(
    readonly path: readonly string[],
    readonly countOf: (shown: string) => Count,
  ) {}

  take([name = "", ...rest]: readonly string[]): void {
    this.#counts.set(name, { messages: 0 });
    const isWhole = this.#inner.has(name) && this.#inner.get(name) === undefined;
    if (rest.length === 0 || isWhole) this.#inner.set(name, undefined);
    else {
      const inner = this.#inner.get(name) ?? new TakenFields([...this.path, name], this.countOf);
      this.#inner.set(name, inner);
      inner.take(rest);
    }
    this.#within = [...this.#inner].filter((entry): entry is [string, TakenFields] => entry[1] !== undefined);
  }

  count(value: unknown): void {
    if (!hasFields(value)) return;
    const names = Array.isArray(value) ? [] : Object.keys(value);
    for (let index = 0; index < names.length; index += 1) {
      const name = names[index] as string;
      const count = this.#counts.get(name) ?? this.#meet(name);
      count.messages += 1;
    }
    for (let index = 0; index < this.#within.length; index += 1) {
      const [name, inner] = this.#within[index] as Within;
      if (Object.hasOwn(value, name)) inner.count(value[name]);
    }
  }

  firstUnmapped(value: unknown): string | undefined {
    if (!hasFields(value)) return undefined;
    for (const name of Array.isArray(value) ? [] : Object.keys(value)) {
      if (!this.#inner.has(name)) return shownName(this.path, name);
    }
    for (const [name, inner] of this.#within) {
      const found = Object.hasOwn(value, name) ? inner.firstUnmapped(value[name]) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #meet(name: string): Count {
    const count = this.countOf(shownName(this.path, name));
    if (this.#counts.size < mostKnown) this.#counts.set(name, count);
    return count;
  }
}

function hasFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !JSON.isRawJSON(value);
}
