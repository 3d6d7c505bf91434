import { describe, expect, test } from "bun:test";
import { type TomlPath, tomlLines } from "../../src/settings/toml-line.ts";

const toml = [
  "[table]", // 1
  'name = "t"', // 2
  "", // 3
  "# [[table.columns]]", // 4
  "[[table.columns]]", // 5
  'name = "a"', // 6
  "", // 7
  "[[table.columns]] # the second", // 8
  'name = "b"', // 9
  "transform = [", // 10
  '  "trim",', // 11
  '  "mask",', // 12
  "]", // 13
  "[[table.columns]]", // 14
  'from = { constant = "x" }', // 15
  "[drain]", // 16
  "receivers = 3", // 17
].join("\n");

describe("tomlLines", () => {
  test.each<[TomlPath, number | undefined]>([
    [["table"], 1],
    [["table", "name"], 2],
    [["table", "columns"], 5],
    [["table", "columns", 0], 5],
    [["table", "columns", 0, "name"], 6],
    [["table", "columns", 1], 8],
    [["table", "columns", 1, "name"], 9],
    [["table", "columns", 1, "transform"], 10],
    [["table", "columns", 1, "transform", 1], 10],
    [["table", "columns", 2, "from", "constant"], 15],
    [["drain", "receivers"], 17],
    // What is missing is told by the table that it is missing in.
    [["table", "columns", 2, "name"], 14],
    [["table", "columns", 0, "from"], 5],
    [["table", "key"], 1],
    [["log", "quiet"], undefined],
  ])("%j is on line %p", (path, line) => {
    expect(tomlLines(toml, [path])).toEqual([line]);
    expect(tomlLines(toml.replaceAll("\n", "\r\n"), [path])).toEqual([line]);
  });

  test("several paths are found at once, each at its own place", () => {
    expect(tomlLines(toml, [["drain"], ["none"], ["table", "columns", 1]])).toEqual([16, undefined, 8]);
  });

  test("an array of tables in one statement has one line", () => {
    const inline = 'table.name = "t"\ntable.columns = [{ name = "a" }, { name = "b" }]';
    expect(tomlLines(inline, [["table", "columns", 1, "name"]])).toEqual([2]);
  });

  test("in a file far longer than any written by hand nothing is searched for", () => {
    expect(tomlLines(`${toml}\n#${" ".repeat(40_000)}`, [["table"]])).toEqual([undefined]);
  });
});
