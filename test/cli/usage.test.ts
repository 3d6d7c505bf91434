import { describe, expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import { runEtl } from "../support/binary.ts";

async function etl(words: readonly string[], env: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await runEtl(words, { env });
  return { exitCode, stdout, stderr };
}

describe("a usage error ends with 64, says what was wrong and what to type, and runs nothing", () => {
  const secret = "hunter2+Canary/secret";

  test.each<[words: string[], message: string, hint: string]>([
    [["drian"], 'there is no command "drian"; did you mean drain?', "etl drain --help"],
    [["frobnicate"], 'there is no command "frobnicate"', "etl --help"],
    [["config", "frobnicate"], 'there is no command "config" "frobnicate"', "etl config --help"],
    [
      ["keys", "genrate"],
      'there is no command "keys" "genrate"; did you mean keys generate?',
      "etl keys generate --help",
    ],
    [["--dry-run", "drain"], "the command comes first, its flags behind it", "etl --help"],
    [["--version", "drain"], "--version stands alone", "etl --help"],
    [["help", "drian"], 'there is no command "drian"; did you mean drain?', "etl drain --help"],
    [
      ["drain", "--dryrun"],
      'etl drain: there is no flag "--dryrun"; did you mean --dry-run?',
      "etl drain --help",
    ],
    [["drain", "--print"], 'etl drain: there is no flag "--print"', "etl drain --help"],
    [
      ["drain", "---dry-run"],
      'etl drain: there is no flag "---dry-run"; did you mean --dry-run?',
      "etl drain --help",
    ],
    [["drain", "-n"], 'etl drain: there is no flag "-n"', "etl drain --help"],
    [
      ["drain", "--", "--dry-run"],
      "etl drain: -- is not supported: what stands behind it would be lost",
      "etl drain --help",
    ],
    [
      ["drain", "--dry-run", "--"],
      "etl drain: -- is not supported: what stands behind it would be lost",
      "etl drain --help",
    ],
    [["drain", "-"], "etl drain: - for standard input or output is not supported", "etl drain --help"],
    [["drain", "--dry-run", "--dry-run"], "etl drain: --dry-run is given twice", "etl drain --help"],
    [["drain", "--table", "a", "--table=b"], "etl drain: --table is given twice", "etl drain --help"],
    [["drain", "--dry-run=false"], "etl drain: --dry-run takes no value", "etl drain --help"],
    [["drain", "--json=xyz"], "etl drain: --json takes no value", "etl drain --help"],
    [["drain", "--dry-run="], "etl drain: --dry-run takes no value", "etl drain --help"],
    [
      ["drain", "--no-dry-run"],
      "etl drain: no flag is taken back with --no-…: leave the flag out instead",
      "etl drain --help",
    ],
    [["drain", "--dry-run", "false"], 'etl drain: one argument too many: "false"', "etl drain --help"],
    [
      ["migrate", "print"],
      'etl migrate: one argument too many: "print"; did you mean --print?',
      "etl migrate --help",
    ],
    [["drain", "000123"], 'etl drain: one argument too many: "000123"', "etl drain --help"],
    [["drain", "--table"], "etl drain: --table needs a value: --table NAME", "etl drain --help"],
    [["drain", "--table", "--dry-run"], "etl drain: --table needs a value: --table NAME", "etl drain --help"],
    [
      ["drain", "--queue-url="],
      "etl drain: --queue-url needs a value: --queue-url URL; found nothing",
      "etl drain --help",
    ],
    [
      ["drain", "--config", ""],
      "etl drain: --config needs a value: --config FILE; found nothing",
      "etl drain --help",
    ],
    [
      ["drain", "--mask", "md5"],
      'etl drain: --mask needs one of hmac-sha256, sha256; found "md5"',
      "etl drain --help",
    ],
    [
      ["drain", "--max-messages", "lots"],
      'etl drain: --max-messages needs a whole number from 1 to 1000000000; found "lots"',
      "etl drain --help",
    ],
    [
      ["drain", "--batch-size", "10001"],
      'etl drain: --batch-size needs a whole number from 1 to 10000; found "10001"',
      "etl drain --help",
    ],
    [
      ["drain", "--receivers", "0"],
      'etl drain: --receivers needs a whole number from 1 to 256; found "0"',
      "etl drain --help",
    ],
    [
      ["drain", "--wait-seconds", "21"],
      'etl drain: --wait-seconds needs a whole number from 0 to 20; found "21"',
      "etl drain --help",
    ],
    [
      ["demo", "--messages", "10001"],
      'etl demo: --messages needs a whole number from 1 to 10000; found "10001"',
      "etl demo --help",
    ],
    [
      ["config", "check", "--config", "etl.toml"],
      "etl config check: the file is named without --config",
      "etl config check FILE",
    ],
    [["migrate", "--dry-run"], 'etl migrate: there is no flag "--dry-run"', "etl migrate --help"],
    [
      ["keys", "generate", "a", "b"],
      'etl keys generate: one argument too many: "b"',
      "etl keys generate --help",
    ],
    [
      ["keys", "generate", "-"],
      "etl keys generate: - for standard input or output is not supported",
      "etl keys generate --help",
    ],
    [["keys", "generate", ""], "the name of the key file is empty", "etl keys generate"],
    // A secret in the wrong place is not repeated.
    [[`postgres://etl:${secret}@db/x`], "there is no command something else", "etl --help"],
    [
      ["drain", `postgres://etl:${secret}@db/x`],
      "etl drain: one argument too many: something else",
      "etl drain --help",
    ],
    [
      ["drain", `--databse-url=postgres://etl:${secret}@db/x`],
      'etl drain: there is no flag "--databse-url"; did you mean --database-url?',
      "etl drain --help",
    ],
    [["drain", `-p${secret}`], 'etl drain: there is no flag "-p"', "etl drain --help"],
    [
      ["drain", "--mask", secret],
      "etl drain: --mask needs one of hmac-sha256, sha256; found something else",
      "etl drain --help",
    ],
    [
      ["drain", "--receivers", `${secret}\u001b[31m`],
      "etl drain: --receivers needs a whole number from 1 to 256; found something else",
      "etl drain --help",
    ],
  ])("etl %j", async (words, message, hint) => {
    expect(await etl(words)).toEqual({
      exitCode: 64,
      stdout: "",
      stderr: `error: ${message}\ntry: ${hint}\n`,
    });
  });
});

describe("help and version", () => {
  test.each([["--version"], ["-v"]])("%s", async (word) => {
    expect(await etl([word])).toEqual({ exitCode: 0, stdout: `etl ${manifest.version}\n`, stderr: "" });
  });

  test.each([
    [["--help"], "Usage: etl COMMAND [options]"],
    [["-h"], "Usage: etl COMMAND [options]"],
    [["help"], "Usage: etl COMMAND [options]"],
    [["drain", "--help"], "Usage: etl drain [options]"],
    [["drain", "--dry-run", "-h", "--bogus"], "Usage: etl drain [options]"],
    [["help", "drain"], "Usage: etl drain [options]"],
    [["--help", "drain"], "Usage: etl drain [options]"],
    [["keys", "--help"], "Usage: etl keys COMMAND [options]"],
    [["help", "keys"], "Usage: etl keys COMMAND [options]"],
    [["completions", "--help"], "Usage: etl completions SHELL"],
    [["keys", "generate", "--help"], "Usage: etl keys generate [FILE]"],
    [["help", "keys", "generate"], "Usage: etl keys generate [FILE]"],
  ])("etl %j answers on standard output", async (words, first) => {
    const { exitCode, stdout, stderr } = await etl(words);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toStartWith(`${first}\n`);
  });

  test.each([
    [[], "Usage: etl COMMAND [options]"],
    [["keys"], "Usage: etl keys COMMAND [options]"],
  ])("etl %j names no command: the help, on standard error, and 64", async (words, first) => {
    const { exitCode, stdout, stderr } = await etl(words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: "" });
    expect(stderr).toStartWith(`${first}\n`);
  });
});

describe("a dangerous environment", () => {
  // The other variables are in environment.test.ts.
  const env = { PGDEBUG: "1" };

  test.each(["drain", "migrate", "demo", "keys generate /nonexistent/x.key"])(
    "is refused by etl %s",
    async (line) => {
      expect(await etl(line.split(" "), env)).toEqual({
        exitCode: 78,
        stdout: "",
        stderr: "error: PGDEBUG is set: it prints the values of rows\ntry: unset PGDEBUG\n",
      });
    },
  );

  test.each(["--version", "--help", "drain --help"])("does not keep etl %s from answering", async (line) => {
    expect((await etl(line.split(" "), env)).exitCode).toBe(0);
  });
});
