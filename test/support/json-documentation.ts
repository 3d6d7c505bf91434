/** Reads the tables of `docs/json.md`, and holds lines of JSON against them. */

import { join } from "node:path";

/** One row of a table. */
interface Field {
  readonly path: string;
  readonly types: readonly string[];
  /** Whether the table says when it is absent. */
  readonly mayBeAbsent: boolean;
}

/** One kind of line: what stands under a heading of the third level. */
export interface Kind {
  readonly title: string;
  readonly examples: readonly string[];
  readonly fields: readonly Field[];
}

/** Every kind of line, by its heading. */
export async function documentedKinds(): Promise<ReadonlyMap<string, Kind>> {
  const text = await Bun.file(join(import.meta.dirname, "../../docs/json.md")).text();
  const kinds = text.split(/^### /m).slice(1).map(readKind);
  return new Map(kinds.map((kind) => [kind.title, kind]));
}

function readKind(section: string): Kind {
  const [title = ""] = section.split("\n");
  const [own = ""] = section.split(/^## /m);
  const examples = [...own.matchAll(/^```json\n([\s\S]*?)\n```$/gm)].flatMap(([, lines = ""]) =>
    lines.split("\n"),
  );
  const rows = own.matchAll(/^\| `([^`]+)` \| ([^|]+) \| [^|]*\|([^|]*)\|$/gm);
  const fields = [...rows].map(([, path = "", types = "", absent = ""]) => ({
    path,
    types: types.trim().split(/, | or /),
    mayBeAbsent: absent.trim() !== "",
  }));
  return { title, examples, fields };
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const typeChecks: Readonly<Record<string, (value: unknown) => boolean>> = {
  any: () => true,
  text: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  seconds: (value) => typeof value === "number" && value >= 0 && /^\d+(\.\d{1,3})?$/.test(String(value)),
  time: (value) => typeof value === "string" && time.test(value),
};

/** What is wrong with a value that should be as the kind's table says; empty where all is well. */
export function strayings({ fields }: Kind, value: unknown): string[] {
  return at("", value);

  function at(path: string, found: unknown): string[] {
    const field = fields.find((candidate) => candidate.path === path);
    if (field !== undefined) {
      const fits = field.types.some((type) => (typeChecks[type] ?? unknownType(type))(found));
      if (!fits) return [`${path} is no ${field.types.join(" or ")}: ${JSON.stringify(found)}`];
    }
    const inside = path === "" ? fields : fields.filter((candidate) => isInside(candidate.path, path));
    if (inside.length === 0) return field === undefined ? [`${path} is not documented`] : [];
    if (found === null) return [];
    if (Array.isArray(found)) return found.flatMap((element) => at(`${path}[]`, element));
    if (typeof found !== "object") return [`${path} is no object`];
    const prefix = path === "" ? "" : `${path}.`;
    const free = inside.some((candidate) => candidate.path.startsWith(`${prefix}*`));
    const present = new Set(Object.keys(found));
    const wanted = inside
      .filter((candidate) => !candidate.mayBeAbsent)
      .map((candidate) => candidate.path.slice(prefix.length).split(/[.[]/)[0] ?? "")
      .filter((name) => name !== "*" && name !== "]" && !present.has(name));
    return [
      ...[...new Set(wanted)].map((name) => `${prefix}${name} is absent`),
      ...Object.entries(found).flatMap(([name, inner]) => at(prefix + (free ? "*" : name), inner)),
    ];
  }
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(`${folder}.`) || path.startsWith(`${folder}[]`);
}

function unknownType(type: string): never {
  throw new Error(`docs/json.md has a type that no check knows: ${type}`);
}
