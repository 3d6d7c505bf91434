import { describe, expect, test } from "bun:test";
import { takesValue } from "../../src/cli/command.ts";
import { commandGroups, commands } from "../../src/cli/commands.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";

function helpOf(...words: string[]): string {
  const invocation = parseCommandLine(commandGroups, words);
  if (invocation.kind !== "help") throw new Error(`parsed as ${invocation.kind}`);
  return invocation.text;
}

/** The words of each `etl …` in a line of a shell. */
function commandLinesIn(example: string): string[][] {
  return [...example.matchAll(/\betl (?:[^|>"')]|"[^"]*")+/g)].map(([line]) =>
    line.trim().split(/ +/).slice(1),
  );
}

const groups = [
  ...new Set(commands.filter(({ name }) => name.includes(" ")).map(({ name }) => name.split(" ")[0] ?? "")),
];

describe.each(commands.map((command) => [command.name, command] as const))("etl %s", (name, command) => {
  const help = helpOf("help", ...name.split(" "));

  test("keeps every flag under its own name", () => {
    for (const [key, flag] of Object.entries(command.flags)) {
      expect(flag.name).toBe(`--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    }
  });

  test("has examples, which are command lines that run it", () => {
    expect(command.examples).not.toBeEmpty();
    for (const example of command.examples) {
      const lines = commandLinesIn(example);
      expect(lines).toHaveLength(1);
      for (const words of lines) {
        expect(words.slice(0, name.split(" ").length).join(" ")).toBe(name);
        expect(parseCommandLine(commandGroups, words).kind).toBe("run");
      }
    }
  });

  test("shows in its help what it does, every flag, and every example", () => {
    const lines = help.split("\n");
    expect(lines[2]).toBe(command.summary);
    for (const flag of Object.values(command.flags)) {
      const term = takesValue(flag) ? `${flag.name} ${flag.valueName}` : flag.name;
      expect(
        lines.filter((line) => line.startsWith(`  ${term}  `) && line.endsWith(flag.description)),
      ).toHaveLength(1);
    }
    for (const example of command.examples) expect(lines).toContain(`  ${example}`);
  });

  test("names every choice of a flag in its help", () => {
    for (const flag of Object.values(command.flags)) {
      if (!takesValue(flag) || typeof flag.kind.values !== "object") continue;
      for (const word of flag.kind.values) expect(flag.description).toContain(word);
    }
  });

  test("answers --help wherever it stands, and etl help, alike", () => {
    const words = name.split(" ");
    expect(helpOf(...words, "--help")).toBe(help);
    expect(helpOf(...words, "-h")).toBe(help);
    expect(helpOf("--help", ...words)).toBe(help);
  });

  test("speaks as the others do: a capital, no full stop", () => {
    for (const text of [command.summary, ...Object.values(command.flags).map((flag) => flag.description)]) {
      expect(text).toMatch(/^[A-Z]|^(hmac-sha256|leave) /);
      expect(text).not.toEndWith(".");
    }
  });
});

describe("the overview", () => {
  test("shows every command once, in the order of the table", () => {
    const shown = [...helpOf("--help").matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}[A-Z]/gm)];
    expect(shown.map(([, name]) => name)).toEqual(commands.map(({ name }) => name));
  });

  test.each(groups)("etl help %s shows the commands that begin with it", (group) => {
    const help = helpOf("help", group);
    for (const { name, summary } of commands) {
      if (name.startsWith(`${group} `)) expect(help).toContain(summary);
      else expect(help).not.toContain(summary);
    }
  });

  test("a newcomer meets the commands in the order in which they are needed", () => {
    const order = [
      "demo",
      "init",
      "doctor",
      "drain",
      "status",
      "rejects list",
      "rejects retry",
      "migrate",
      "keys generate",
      "config check",
      "config show",
      "config example",
      "completions",
    ];
    const names = commands.map(({ name }) => name);
    expect(names).toEqual(order.filter((name) => names.includes(name)));
  });
});

test("no help is wider than a terminal of 80 columns", () => {
  const all = [[], ...groups.map((group) => [group]), ...commands.map(({ name }) => name.split(" "))];
  const wide = all.flatMap((words) =>
    helpOf("help", ...words)
      .split("\n")
      .filter((line) => line.length > 80),
  );
  expect(wide).toEqual([]);
});
