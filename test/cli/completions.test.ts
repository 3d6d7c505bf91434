import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, defineCommand, switchFlag, takesValue, valueFlag } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { completionOf, type Shell, shells } from "../../src/cli/completions.ts";
import { text as anyText, file, word } from "../../src/settings/setting.ts";
import { runEtl } from "../support/binary.ts";
import { fileFolder } from "../support/folder.ts";
import { completeInBash, completeInFish, completeInZsh, shellPath } from "../support/shell-completion.ts";

const cwd = fileFolder();
for (const name of ["staging.toml", "a $b.toml"]) writeFileSync(join(cwd, name), "");
mkdirSync(join(cwd, "keys"));

const completers = { bash: completeInBash, zsh: completeInZsh, fish: completeInFish };
const files = ["a $b.toml", "keys", "staging.toml"];
const firstWords = [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""))];

function flagsOf(name: string): string[] {
  const found = commands.find((command) => command.name === name);
  return [...Object.values(found?.flags ?? {}).map((flag) => flag.name), "--help"];
}

const cases: readonly [line: string, offered: readonly string[]][] = [
  ["etl ", [...firstWords, "help"]],
  ["etl dr", ["drain"]],
  ["etl --", ["--help", "--version"]],
  ["etl nothing ", []],
  ["etl keys ", ["generate"]],
  ["etl config s", ["show"]],
  ["etl help ", firstWords],
  ["etl help config ", ["check", "example", "show"]],
  ["etl help drain ", []],
  ["etl drain --", flagsOf("drain")],
  ["etl config show --", flagsOf("config show")],
  ["etl config show --js", ["--json"]],
  ["etl migrate --d", ["--database-url"]],
  ["etl drain --mask ", ["hmac-sha256", "sha256"]],
  ["etl drain --mask s", ["sha256"]],
  ["etl drain --mask=s", ["sha256"]],
  ["etl drain --mask=", ["hmac-sha256", "sha256"]],
  ["etl drain --dry-run --mask sha256 --on-reject d", ["dead-letter"]],
  ["etl drain --queue-url ", []],
  ["etl drain --queue-url=", []],
  ["etl drain --table st", []],
  ["etl drain --max-messages ", []],
  ["etl drain --config ", files],
  ["etl drain --config st", ["staging.toml"]],
  ["etl drain --config=st", ["staging.toml"]],
  ["etl drain st", []],
  ["etl config check ", files],
  ["etl config check sta", ["staging.toml"]],
  ["etl config check --", ["--help", "--max", "--queue", "--sample"]],
  ["etl keys generate k", ["keys"]],
  ["etl completions ", [...shells]],
  ["etl completions f", ["fish"]],
  ["etl completions bash z", []],
];

// What the shells' own ways make different.
const ownCases: Readonly<Record<Shell, typeof cases>> = {
  bash: [
    ["etl drain ", flagsOf("drain")],
    ["etl drain --dry-run --d", ["--database-url", "--dead-letter-url"]],
    ["etl config check staging.toml ", ["--help", "--max", "--queue", "--sample"]],
  ],
  zsh: [["etl drain --dry-run --d", ["--database-url", "--dead-letter-url"]]],
  fish: [["etl drain --dry-run --d", ["--database-url", "--dead-letter-url", "--dry-run"]]],
};

// Bash is there: the scripts are written in it. The other shells may not be, and their tests then count as skipped.
describe.each(shells)("%s", (shell) => {
  const complete = completers[shell];
  const here = test.if(shell === "bash" || shellPath(shell) !== undefined);

  here.each([...cases, ...ownCases[shell]])("offers for %j: %j", async (line, offered) => {
    const script = completionOf(shell, commands);
    expect(await complete({ script, line, cwd })).toEqual([...offered].sort());
  });

  here("takes every character of a description for what it is", async () => {
    const text = `it's [a] "b": $c \`d\` \\e (f) %g; {h} & #i !j *`;
    const odd: Command = defineCommand({
      name: "odd one",
      summary: text,
      argument: { name: "FILE", description: text, values: "files" },
      flags: {
        first: switchFlag("--first", text),
        second: valueFlag("--second", anyText, text),
        third: valueFlag("--third", word(["x", "y"]), text),
        fourth: valueFlag("--fourth", file, text),
      },
      examples: [],
      run: async () => 0,
    });
    const script = completionOf(shell, [odd, { ...odd, name: "even" }]);
    const offers = (line: string) => complete({ script, line, cwd });
    expect(await offers("etl ")).toEqual(["even", "help", "odd"]);
    expect(await offers("etl odd ")).toEqual(["one"]);
    expect(await offers("etl odd one --f")).toEqual(["--first", "--fourth"]);
    expect(await offers("etl even --third ")).toEqual(["x", "y"]);
  });

  test("has every command, every flag and every choice in its script", () => {
    const script = completionOf(shell, commands);
    const words = new Set(script.match(/[a-z0-9][a-z0-9-]*/g));
    const wanted = commands.flatMap(({ name, flags, argument }) => [
      ...name.split(" "),
      ...Object.values(flags).map((flag) => flag.name.slice(2)),
      ...Object.values(flags).flatMap((flag) =>
        takesValue(flag) && typeof flag.kind.values === "object" ? flag.kind.values : [],
      ),
      ...(typeof argument?.values === "object" ? argument.values : []),
    ]);
    expect(wanted.filter((word) => !words.has(word))).toEqual([]);
  });

  test("is what the executable prints, and nothing else", async () => {
    const stdout = completionOf(shell, commands);
    expect(await runEtl(["completions", shell])).toMatchObject({ exitCode: 0, stdout, stderr: "" });
  });
});
