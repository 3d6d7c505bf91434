import { expect, test } from "bun:test";
import { join } from "node:path";
import { mostConnections, mostReceivers } from "../../src/polling/tuning.ts";
import { aboutWithDefault, truth } from "../../src/settings/setting.ts";
import { settingKeys, settingOf, settingTable } from "../../src/settings/setting-table.ts";

const root = join(import.meta.dir, "../..");
const textOf = (path: string) => Bun.file(join(root, path)).text();

test("docs/settings.md lists every setting with its flag, variables, default and meaning", async () => {
  const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(", ");
  const reference = settingKeys.map((key) => {
    const { flag, variables = [], default: value, otherwise, about } = settingOf(key);
    const fallback = otherwise ?? (value === undefined ? "" : `\`${value}\``);
    const cells = [code([key]), code(flag ? [flag] : []), code(variables), fallback, about];
    return `|${cells.map((cell) => (cell === "" ? " " : ` ${cell} `)).join("|")}|`;
  });
  const rows = (await textOf("docs/settings.md")).split("\n").filter((line) => line.startsWith("| `"));
  expect(rows).toEqual(reference);
});

test("a setting has one default at the most, and something to show in a new etl.toml", () => {
  for (const key of settingKeys) {
    const { default: value, otherwise, example } = settingOf(key);
    expect([key, value === undefined || otherwise === undefined]).toEqual([key, true]);
    expect([key, value !== undefined || example !== undefined]).toEqual([key, true]);
  }
  expect(aboutWithDefault(settingTable["drain.batch_size"])).toBe("Rows in one statement (default: 500)");
});

test("how many receivers and connections there are at the most is told as the drain has it", () => {
  expect<string>(settingTable["drain.receivers"].otherwise).toBe(
    `as many as bring more messages, up to ${mostReceivers}`,
  );
  expect<string>(settingTable["drain.connections"].otherwise).toContain(`up to ${mostConnections}`);
});

test("a switch in a variable is read, and not any text taken for true", () => {
  expect(["true", "false", "1", ""].map(truth.read)).toEqual([true, false, undefined, undefined]);
});
