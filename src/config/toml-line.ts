/** Finds the line of `etl.toml` that a key was set on, which the parser's result no longer tells. */

import { parse } from "smol-toml";

/** The search reads the file once a line: in a file far longer than any that is written by hand it is not worth it. */
const longestSearched = 40_000;

/**
 * The line, counted from 1, where the statement that sets the key begins; undefined where it cannot be told.
 *
 * The parser itself is asked, with more and more lines: the first beginning of the file that is whole and
 * holds the key ends with that statement, and the statement began after the whole beginning before it.
 *
 * @param toml a text that parses
 */
export function tomlLine(toml: string, path: readonly string[]): number | undefined {
  if (toml.length > longestSearched) return undefined;
  const lines = toml.split("\n");
  let statementStart = 1;
  for (let count = 1; count <= lines.length; count += 1) {
    const document = parseWhole(`${lines.slice(0, count).join("\n")}\n`);
    if (document === undefined) continue;
    if (holds(document, path)) return statementStart;
    statementStart = count + 1;
  }
  return undefined;
}

function parseWhole(toml: string): unknown {
  try {
    return parse(toml);
  } catch {
    return undefined;
  }
}

function holds(document: unknown, path: readonly string[]): boolean {
  let value = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return false;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return true;
}
