import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Command, defineCommand, switchFlag, valueFlag } from "../../src/cli/command.ts";
import { commandGroups, commands } from "../../src/cli/commands.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import type { Context } from "../../src/commands/context.ts";
import { EtlError } from "../../src/errors.ts";
import { text, whole, word } from "../../src/settings/setting.ts";
import { parseSettings } from "../../src/settings/settings-file.ts";
import { refusalOf } from "../support/refusal.ts";
import { rowsOf } from "../support/rows.ts";

/** What a command received. */
interface Received {
  readonly values: Readonly<Record<string, unknown>>;
  readonly argument: string | undefined;
}

let received: Received[] = [];

const flags = {
  dryRun: switchFlag("--dry-run", ""),
  queueUrl: valueFlag("--queue-url", text, "", "URL"),
  mask: valueFlag("--mask", word(["a", "b"]), ""),
  maxMessages: valueFlag("--max-messages", whole(1, 100), ""),
};
const nothing = { dryRun: false, queueUrl: undefined, mask: undefined, maxMessages: undefined };

function recording(name: string, argument?: Command["argument"]): Command {
  return defineCommand({
    ...{ name, summary: "", flags, examples: [], ...(argument && { argument }) },
    run: async (_context, values, given) => {
      received.push({ values, argument: given });
      return 42;
    },
  });
}

const made = recording("keys make", { name: "FILE", description: "" });
const table = [{ title: "Commands", commands: [recording("drain"), made] }];

/** Parses and runs, and gives what the command received. */
async function run(...words: string[]): Promise<Received> {
  const invocation = parseCommandLine(table, words);
  if (invocation.kind !== "run") throw new Error(`parsed as ${invocation.kind}`);
  received = [];
  expect(await invocation.run({} as Context)).toBe(42);
  const [only] = received;
  if (only === undefined || received.length > 1) throw new Error(`ran ${received.length} times`);
  return only;
}

describe("a command line", () => {
  test("gives a command its flags as it declared them, in any order", async () => {
    const values = { dryRun: true, queueUrl: "http://q", mask: "b", maxMessages: 7 };
    expect(await run("drain")).toEqual({ values: nothing, argument: undefined });
    for (const line of [
      "--dry-run --queue-url http://q --mask=b --max-messages 7",
      "--max-messages=7 --mask b --queue-url=http://q --dry-run",
    ]) {
      expect(await run("drain", ...line.split(" "))).toEqual({ values, argument: undefined });
    }
  });

  test("gives an argument wherever it stands, even behind a switch", async () => {
    const values = { ...nothing, dryRun: true };
    for (const words of [
      ["a.key", "--dry-run"],
      ["--dry-run", "a.key"],
    ]) {
      expect(await run("keys", "make", ...words)).toEqual({ values, argument: "a.key" });
    }
    expect(await run("keys", "make")).toEqual({ values: nothing, argument: undefined });
    expect((await run("keys", "make", "--dry-run", "000123")).argument).toBe("000123");
    expect((await run("keys", "make", "")).argument).toBe("");
  });

  test("gives every text as it was typed, however much it looks like a number or a flag", async () => {
    for (const typed of [
      "000123",
      "1e3",
      "0x10",
      "-1",
      "-",
      "true",
      "false",
      "=",
      "a=b",
      "==",
      " ",
      "a\nb",
    ]) {
      expect((await run("drain", "--queue-url", typed)).values).toEqual({ ...nothing, queueUrl: typed });
      expect((await run("drain", `--queue-url=${typed}`)).values).toEqual({ ...nothing, queueUrl: typed });
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: "binary" }), async (typed) => {
        expect((await run("drain", `--queue-url=${typed}`)).values).toEqual({ ...nothing, queueUrl: typed });
      }),
    );
  });

  test("is a run, an answer or a usage error, whatever is typed, and never a run that was not asked for", () => {
    const likely =
      "drain keys make help -h -- - --dry-run --queue-url --no-dry-run --dry-run=false --max-messages 5 --mask=a ---dry-run -d --__proto__=1";
    const anyWord = fc.oneof(fc.constantFrom(...likely.split(" "), ""), fc.string({ maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(anyWord, { maxLength: 6 }), (words) => {
        try {
          const { kind } = parseCommandLine(table, words);
          if (kind === "run") expect(["drain", "keys"]).toContain(words[0] ?? "");
        } catch (error) {
          if (!(error instanceof EtlError)) throw error;
          expect(error.exitCode).toBe(64);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each(["0", "101", "-1", "1.5", "1e1", "0x10", "010", "+5", " 5", "5 ", "٣", "", "9".repeat(30)])(
    "--max-messages %j is refused with what was expected; 1 and 100 are taken",
    async (typed) => {
      for (const words of [["--max-messages", typed], [`--max-messages=${typed}`]]) {
        const refusal = refusalOf(() => parseCommandLine(table, ["drain", ...words]));
        expect(refusal.message).toStartWith(
          "etl drain: --max-messages needs a whole number from 1 to 100; found ",
        );
      }
      for (const maxMessages of [1, 100]) {
        expect((await run("drain", `--max-messages=${maxMessages}`)).values).toEqual({
          ...nothing,
          maxMessages,
        });
      }
    },
  );
});

function refused(line: string) {
  const { message, hint, exitCode } = refusalOf(() => parseCommandLine(commandGroups, line.split(" ")));
  return { message, hint, exitCode };
}

describe("a usage error ends with 64, says what was wrong and what to type", () => {
  const [first, second] = ["-- is not supported: what stands behind it would be lost", "is given twice"];
  test.each(
    rowsOf(`
    frobnicate | there is no command "frobnicate" | etl --help
    config frobnicate | there is no command "config" "frobnicate" | etl config --help
    --dry-run drain | the command comes first, its flags behind it | etl --help
    --version drain | --version stands alone | etl --help
    help drian | there is no command "drian"; did you mean drain? | etl drain --help
    drain --print | etl drain: there is no flag "--print" | etl drain --help
    drain ---dry-run | etl drain: there is no flag "---dry-run"; did you mean --dry-run? | etl drain --help
    drain -n | etl drain: there is no flag "-n" | etl drain --help
    drain --dry-run -- | etl drain: ${first} | etl drain --help
    drain - | etl drain: - for standard input or output is not supported | etl drain --help
    drain --dry-run --dry-run | etl drain: --dry-run ${second} | etl drain --help
    drain --dry-run=false | etl drain: --dry-run takes no value | etl drain --help
    drain --no-dry-run | etl drain: no flag is taken back with --no-…: leave the flag out instead | etl drain --help
    drain --dry-run false | etl drain: one argument too many: "false" | etl drain --help
    migrate print | etl migrate: one argument too many: "print"; did you mean --print? | etl migrate --help
    drain --table | etl drain: --table needs a value: --table NAME | etl drain --help
    drain --table --dry-run | etl drain: --table needs a value: --table NAME | etl drain --help
    drain --queue-url= | etl drain: --queue-url needs a value: --queue-url URL; found nothing | etl drain --help
    drain --mask md5 | etl drain: --mask needs one of hmac-sha256, sha256; found "md5" | etl drain --help
    drain --connections 9 | etl drain: --connections needs a whole number from 1 to 8; found "9" | etl drain --help
    drain --batch-size 10001 | etl drain: --batch-size needs a whole number from 1 to 10000; found "10001" | etl drain --help
    drain --wait-seconds 21 | etl drain: --wait-seconds needs a whole number from 0 to 20; found "21" | etl drain --help
    demo --messages 10001 | etl demo: --messages needs a whole number from 1 to 10000; found "10001" | etl demo --help
    config check --config etl.toml | etl config check: the file is named without --config | etl config check FILE
    completions | etl completions: SHELL is missing: one of bash, zsh, fish | etl completions --help
    completions Bash | etl completions: SHELL needs one of bash, zsh, fish; found "Bash" | etl completions --help`),
  )("etl %s: %s", (line = "", message, hint) => {
    expect(refused(line)).toEqual({ message: String(message), hint: String(hint), exitCode: 64 });
  });

  const secret = "hunter2+Canary/secret";
  test.each(
    rowsOf(`
    postgres://etl:${secret}@db/x | there is no command something else
    drain postgres://etl:${secret}@db/x | one argument too many: something else
    drain --databse-url=postgres://etl:${secret}@db/x | there is no flag "--databse-url"; did you mean --database-url?
    drain -p${secret} | there is no flag "-p"
    drain --mask ${secret} | --mask needs one of hmac-sha256, sha256; found something else
    drain --receivers ${secret}\u001b[31m | --receivers needs a whole number from 1 to 256; found something else`),
  )("a secret in the wrong place is not repeated: etl %j", (line = "", message) => {
    expect(refused(line).message.replace("etl drain: ", "")).toBe(String(message));
  });
});

describe("a misspelt name is answered with the one that was meant", () => {
  test.each(
    rowsOf(`
    drani --dry-run | drain
    version | --version
    config chekc x.toml | config check
    keys gen | keys generate
    generate keys | keys generate
    keys_generate | keys generate
    reject | rejects
    retry | rejects retry
    help config chek | config check`),
  )("etl %s: %s", (line = "", meant) => {
    const { message, hint } = refused(line);
    expect(message).toEndWith(`; did you mean ${meant}?`);
    expect(hint).toBe(meant?.startsWith("-") ? `etl ${meant}` : `etl ${meant} --help`);
  });

  test("nothing is guessed if nothing is near", () => {
    for (const line of ["frobnicate", "x", "s3cr3t", "config frobnicate", "drain-everything-now"]) {
      expect(refused(line).message).not.toContain("did you mean");
    }
  });

  test("every command is found with two letters swapped, every flag with one left out", () => {
    for (const { name, flags } of commands) {
      const swapped = name.replace(/(..)$/, (end) => [...end].reverse().join(""));
      expect(refused(swapped).message).toEndWith(`; did you mean ${name}?`);
      for (const flag of Object.values(flags)) {
        const { message } = refused(`${name} ${flag.name.slice(0, 4)}${flag.name.slice(5)}`);
        expect(message).toEndWith(`; did you mean ${flag.name}?`);
      }
    }
  });

  test.each(
    rowsOf(`
    drain --dry_run | --dry-run
    drain -dry-run | --dry-run
    drain dry-run | --dry-run
    doctor policy | --policy`),
  )("etl %s: %s", (line = "", meant) => {
    expect(refused(line).message).toEndWith(`; did you mean ${meant}?`);
  });

  test.each([
    ["[que]\nurl = 1", "queue"],
    ['[database]\nss_mode = "x"', "sslmode"],
    ["[drain]\nmax-messages = 5", "max_messages"],
    ["[drain]\ngive_up_after = 5", "give_up_after_seconds"],
    ["[drain]\nconection = 5", "connections"],
    ['[mask]\nkeyfile = "x"', "key_file"],
    ['[table]\nname = "t"\n[[table.columns]]\nname = "a"\nform = "b"', "from"],
  ])("%j: %s", (toml, meant) => {
    const { message, hint, exitCode } = refusalOf(() => parseSettings("etl.toml", toml));
    expect(message).toEndWith(`; did you mean "${meant}"?`);
    expect({ hinted: hint !== undefined, exitCode }).toEqual({ hinted: true, exitCode: 78 });
  });
});
