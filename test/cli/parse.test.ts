import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Command, defineCommand, switchFlag, valueFlag } from "../../src/cli/command.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import type { Context } from "../../src/commands/context.ts";
import { EtlError } from "../../src/errors.ts";
import { text, whole, word } from "../../src/settings/setting.ts";
import { refusalOf } from "../support/refusal.ts";

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

function recording(name: string, argument?: Command["argument"]): Command {
  return defineCommand({
    name,
    summary: "",
    flags,
    examples: [],
    ...(argument === undefined ? {} : { argument }),
    run: async (_context, values, given) => {
      received.push({ values, argument: given });
      return 42;
    },
  });
}

const table = [
  {
    title: "Commands",
    commands: [recording("drain"), recording("keys make", { name: "FILE", description: "" })],
  },
];

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

const nothing = { dryRun: false, queueUrl: undefined, mask: undefined, maxMessages: undefined };

describe("parseCommandLine", () => {
  test("gives a command its flags as it declared them, in any order", async () => {
    const values = { dryRun: true, queueUrl: "http://q", mask: "b", maxMessages: 7 } as const;
    expect(await run("drain")).toEqual({ values: nothing, argument: undefined });
    expect(
      await run("drain", "--dry-run", "--queue-url", "http://q", "--mask=b", "--max-messages", "7"),
    ).toEqual({ values, argument: undefined });
    expect(
      await run("drain", "--max-messages=7", "--mask", "b", "--queue-url=http://q", "--dry-run"),
    ).toEqual({ values, argument: undefined });
  });

  test("gives an argument wherever it stands, even behind a switch", async () => {
    for (const words of [
      ["a.key", "--dry-run"],
      ["--dry-run", "a.key"],
    ]) {
      expect(await run("keys", "make", ...words)).toEqual({
        values: { ...nothing, dryRun: true },
        argument: "a.key",
      });
    }
    expect(await run("keys", "make")).toEqual({ values: nothing, argument: undefined });
    expect((await run("keys", "make", "--dry-run", "000123")).argument).toBe("000123");
    expect((await run("keys", "make", "")).argument).toBe("");
  });

  test("gives every text as it was typed, however much it looks like a number or a flag", async () => {
    const texts = [
      "000000000123",
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
      "NaN",
      "a\nb",
    ];
    for (const text of texts) {
      expect((await run("drain", "--queue-url", text)).values).toEqual({ ...nothing, queueUrl: text });
      expect((await run("drain", `--queue-url=${text}`)).values).toEqual({ ...nothing, queueUrl: text });
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: "binary" }), async (text) => {
        expect((await run("drain", `--queue-url=${text}`)).values).toEqual({ ...nothing, queueUrl: text });
      }),
    );
  });

  test("whatever is typed, it is a run, an answer, or a usage error, and never a run that was not asked for", () => {
    const word = fc.oneof(
      fc.constantFrom(
        "drain",
        "keys",
        "make",
        "help",
        "-h",
        "--",
        "-",
        "--dry-run",
        "--queue-url",
        "--no-dry-run",
      ),
      fc.constantFrom(
        "--dry-run=false",
        "--max-messages",
        "5",
        "--mask=a",
        "---dry-run",
        "-d",
        "--__proto__=1",
        "",
      ),
      fc.string({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
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

  test.each([
    ["1", 1],
    ["100", 100],
  ])("--max-messages %s is a number within the limit", async (text, maxMessages) => {
    expect((await run("drain", "--max-messages", text)).values).toEqual({ ...nothing, maxMessages });
  });

  test.each([
    "0",
    "101",
    "-1",
    "1.5",
    "1e1",
    "0x10",
    "010",
    "+5",
    " 5",
    "5 ",
    "٣",
    "",
    "lots",
    "Infinity",
    "9".repeat(30),
  ])("--max-messages %j is refused with what was expected", (text) => {
    for (const words of [["--max-messages", text], [`--max-messages=${text}`]]) {
      const refusal = refusalOf(() => parseCommandLine(table, ["drain", ...words]));
      expect(refusal.exitCode).toBe(64);
      expect(refusal.message).toStartWith(
        "etl drain: --max-messages needs a whole number from 1 to 100; found ",
      );
    }
  });
});
