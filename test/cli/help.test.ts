import { describe, expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import { takesValue } from "../../src/cli/command.ts";
import { commandGroups, commands } from "../../src/cli/commands.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { runCommandLine } from "../../src/cli.ts";
import { flagKey } from "../../src/settings/setting.ts";
import { runEtl } from "../support/binary.ts";
import { MemoryOutput } from "../support/memory-output.ts";

function helpOf(...words: string[]): string {
  const invocation = parseCommandLine(commandGroups, words);
  if (invocation.kind !== "help") throw new Error(`parsed as ${invocation.kind}`);
  return invocation.text;
}

/** The words of each `etl …` in a line of a shell. */
function commandLinesIn(example: string): string[][] {
  const lines = example.matchAll(/\betl (?:[^|>"')]|"[^"]*")+/g);
  return Array.from(lines, ([line]) => line.trim().split(/ +/).slice(1));
}

const pairs = commands.filter(({ name }) => name.includes(" "));
const groups = [...new Set(pairs.map(({ name }) => name.split(" ")[0] ?? ""))];

describe.each(commands.map((command) => [command.name, command] as const))("etl %s", (name, command) => {
  const flags = Object.values(command.flags);
  const help = helpOf("help", ...name.split(" "));

  test("keeps every flag under its own name", () => {
    expect(Object.keys(command.flags)).toEqual(flags.map((flag) => flagKey(flag.name)));
  });

  test("has examples, which are command lines that run it", () => {
    expect(command.examples).not.toBeEmpty();
    for (const example of command.examples) {
      const [words = [], ...others] = commandLinesIn(example);
      expect(others).toEqual([]);
      expect(words.slice(0, name.split(" ").length).join(" ")).toBe(name);
      expect(parseCommandLine(commandGroups, words).kind).toBe("run");
    }
  });

  test("shows in its help what it does, every flag with its choices, and every example", () => {
    const lines = help.split("\n");
    expect(lines[2]).toBe(command.summary);
    for (const flag of flags) {
      const term = takesValue(flag) ? `${flag.name} ${flag.valueName}` : flag.name;
      const line = lines.filter((text) => text.startsWith(`  ${term}  `) && text.endsWith(flag.description));
      expect(line).toHaveLength(1);
      const choices = takesValue(flag) && Array.isArray(flag.kind.values) ? flag.kind.values : [];
      for (const word of choices) expect(flag.description).toContain(word);
      if (takesValue(flag) && flag.valueName === "FILE") expect(flag.kind.values).toBe("files");
    }
    for (const example of command.examples) expect(lines).toContain(`  ${example}`);
    if (command.argument?.name === "FILE") expect(command.argument.values).toBe("files");
  });

  test("answers --help wherever it stands, and etl help, alike", () => {
    const words = name.split(" ");
    expect(helpOf(...words, "--help")).toBe(help);
    expect(helpOf(...words, "-h", "--bogus")).toBe(help);
    expect(helpOf("--help", ...words)).toBe(help);
  });
});

describe("the overview", () => {
  test("shows every command once, in the order in which a newcomer needs them", () => {
    const shown = [...helpOf("--help").matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}[A-Z]/gm)];
    expect(shown.map(([, name]) => name)).toEqual(commands.map(({ name }) => name));
    expect(commands.slice(0, 5).map(({ name }) => name)).toEqual([
      "demo",
      "init",
      "doctor",
      "drain",
      "status",
    ]);
  });

  test.each(groups)("etl help %s shows the commands that begin with it, and no others", (group) => {
    const help = helpOf("help", group);
    const shown = commands.filter(({ summary }) => help.includes(summary));
    expect(shown).toEqual(commands.filter(({ name }) => name.startsWith(`${group} `)));
  });
});

test("every command that needs the ledger knows where it is, and a drain how many connections load", () => {
  const withFlag = (key: string) =>
    commands.filter(({ flags }) => Object.hasOwn(flags, key)).map(({ name }) => name);
  const ledger = ["doctor", "drain", "status", "rejects list", "rejects retry", "migrate", "config show"];
  expect(withFlag("ledgerSchema")).toEqual(ledger);
  expect(withFlag("connections")).toEqual(["drain", "config show"]);
});

test("no help is wider than a terminal of 80 columns", () => {
  const all = [[], ...groups.map((group) => [group]), ...commands.map(({ name }) => name.split(" "))];
  const lines = all.flatMap((words) => helpOf("help", ...words).split("\n"));
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

/** Runs a command line within this process. */
async function say(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [stdout, stderr] = [new MemoryOutput(), new MemoryOutput()];
  const world = { env, stdout, stderr, keyboard: () => undefined, onStopSignal: () => () => {} };
  const exitCode = await runCommandLine(words, { ...world, now: () => new Date(0) });
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

describe("the streams", () => {
  const version = { exitCode: 0, stdout: `etl ${manifest.version}\n`, stderr: "" };

  test.each(["--version", "-v", "--help", "help drain", "keys --help"])(
    "etl %s answers on standard output",
    async (line) => {
      const { exitCode, stdout, stderr } = await say(line.split(" "));
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).toMatch(/^(etl \d|Usage: etl )/);
    },
  );

  test.each([
    [[], "Usage: etl COMMAND [options]\n"],
    [["keys"], "Usage: etl keys COMMAND [options]\n"],
  ])("etl %j names no command: the help, on standard error, and 64", async (words, first) => {
    const { exitCode, stdout, stderr } = await say(words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: "" });
    expect(stderr).toStartWith(first);
  });

  test("the executable itself answers, and refuses what it does not understand", async () => {
    expect(await runEtl(["--version"])).toMatchObject(version);
    expect(await runEtl(["drian"])).toMatchObject({
      ...{ exitCode: 64, stdout: "" },
      stderr: 'error: there is no command "drian"; did you mean drain?\ntry: etl drain --help\n',
    });
  });
});

describe("a dangerous environment", () => {
  test.each(["drain", "migrate", "demo", "keys generate /nonexistent/x.key"])(
    "is refused by etl %s",
    async (line) => {
      expect(await say(line.split(" "), { PGDEBUG: "1" })).toEqual({
        ...{ exitCode: 78, stdout: "" },
        stderr: "error: PGDEBUG is set: it prints the values of rows\ntry: unset PGDEBUG\n",
      });
    },
  );

  test.each(["--version", "--help", "drain --help"])("does not keep etl %s from answering", async (line) => {
    expect((await say(line.split(" "), { PGDEBUG: "1" })).exitCode).toBe(0);
  });
});
