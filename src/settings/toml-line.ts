/** Finds the lines of `etl.toml` that keys were set on, which the parser's result no longer tells. */

import { parse } from "smol-toml";

/** The search reads the file once a line: in a file far longer than any that is written by hand it is not worth it. */
const longestSearched = 40_000;

/** The way to a value: keys, and the indexes of arrays. */
export type TomlPath = readonly (string | number)[];

/**
 * For each path the line, counted from 1, where the statement that sets it begins; of a path that is not in the file
 * that of the nearest table around it. Undefined where it cannot be told.
 *
 * The parser itself is asked, with more and more lines: the first beginning of the file that is whole and
 * holds the key ends with that statement, and the statement began after the whole beginning before it.
 *
 * @param toml a text that parses
 */
export function tomlLines(toml: string, paths: readonly TomlPath[]): readonly (number | undefined)[] {
  if (toml.length > longestSearched) return paths.map(() => undefined);
  const complete = parseWhole(`${toml}\n`);
  const present = paths.map((path) => path.slice(0, depthOf(complete, path)));
  const found: (number | undefined)[] = paths.map(() => undefined);
  const lines = toml.split("\n");
  let statementStart = 1;
  for (let count = 1; count <= lines.length; count += 1) {
    const document = parseWhole(`${lines.slice(0, count).join("\n")}\n`);
    if (document === undefined) continue;
    for (const [index, path] of present.entries()) {
      if (path.length > 0 && depthOf(document, path) === path.length) found[index] ??= statementStart;
    }
    statementStart = count + 1;
  }
  return found;
}

function parseWhole(toml: string): unknown {
  try {
    return parse(toml);
  } catch {
    return undefined;
  }
}

/** How many parts of the path there are in the document. */
function depthOf(document: unknown, path: TomlPath): number {
  let value = document;
  for (const [depth, key] of path.entries()) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return depth;
    value = (value as Readonly<Record<string | number, unknown>>)[key];
  }
  return path.length;
}
