/** Finds in the source of a function what it uses, so far as a look at the text can tell. */

/** A table that a function names, and what it does with it. */
export interface UsedTable {
  /** As it is written, quotes and all. */
  readonly name: string;
  readonly privileges: readonly ("select" | "insert" | "update" | "delete")[];
  /** The columns that an insert fills, if it lists them. */
  readonly columns?: readonly string[];
}

/** What a function names. Not every name is what it looks like: a caller asks the catalog. */
export interface UsedNames {
  readonly tables: readonly UsedTable[];
  readonly sequences: readonly string[];
  readonly functions: readonly string[];
}

/** A name as the catalog has it. */
function bare(written: string): string {
  return written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written.toLowerCase();
}

const part = String.raw`(?:"(?:[^"]|"")+"|[a-z_][\w$]*)`;
/** Behind the name of a table. */
const alias = `(?:\\s+as\\s+${part})?`;
const name = `(${part}(?:\\s*\\.\\s*${part})?)`;

/**
 * Reads SQL or PL/pgSQL. Statements in strings count, too, as `execute` runs them; what is put together at run time is not
 * found.
 */
export function namesIn(source: string): UsedNames {
  const text = source.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/--[^\n]*/g, " ");
  const all = (pattern: string) => [...text.matchAll(new RegExp(pattern, "gi"))];
  const tables: UsedTable[] = [];
  const inserts = `\\binsert\\s+into\\s+${name}${alias}\\s*(?:\\(([^()]*)\\)\\s*(?=values|select|overriding|with|table))?`;
  for (const { 1: table = "", 2: columns, 0: all_, index } of all(inserts)) {
    const listed = columns?.split(",").map((column) => bare(column.trim()));
    const [rest = ""] = text.slice(index + all_.length).split(";", 1);
    const reads = /\bon\s+conflict\s*\(|\bdo\s+update\b|\breturning\b/i.test(rest);
    const privileges = [
      ...(["insert"] as const),
      ...(reads ? (["select"] as const) : []),
      ...(/\bdo\s+update\b/i.test(rest) ? (["update"] as const) : []),
    ];
    tables.push({ name: table, privileges, ...(listed && { columns: listed }) });
  }
  for (const [, table = ""] of all(`\\bupdate\\s+(?:only\\s+)?${name}(?:\\s+(?:as\\s+)?${part})?\\s+set\\b`))
    tables.push({ name: table, privileges: ["select", "update"] });
  for (const [, table = ""] of all(`\\bdelete\\s+from\\s+(?:only\\s+)?${name}`))
    tables.push({ name: table, privileges: ["select", "delete"] });
  for (const [, table = ""] of all(
    `(?<!\\bdelete\\s+)\\b(?:from|join)\\s+(?:only\\s+)?${name}(?![\\w$]|\\s*\\()`,
  ))
    tables.push({ name: table, privileges: ["select"] });
  const sequences = all(`\\b(?:nextval|setval)\\s*\\(\\s*'${name}'`).map(([, one = ""]) => one);
  const functions = all(`${name}\\s*\\(`).map(([, one = ""]) => one);
  return { tables, sequences: [...new Set(sequences)], functions: [...new Set(functions)] };
}
