/** The flags of `scripts/bench`. */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const usage = `usage: scripts/bench [--runs N] [--only NAME]… [--messages N] [--quick] [--etl PATH]…
  --runs      rounds over all contenders; 5
  --only      the contenders of that name, which may hold asterisks, such as 'etl-*'; all
  --messages  that many in place of each contender's own number
  --quick     etl alone, 100,000 messages at 0 and 20 ms a call, 3 runs
  --etl       another executable than dist/etl; with two of them, both are measured in turn`;

/** What is asked for. */
export interface Flags {
  readonly runs: number;
  readonly messages: number | undefined;
  /** Paths of `etl`, at least one. */
  readonly executables: readonly string[];
  /** Whether a contender of that name is to run. */
  wants(name: string): boolean;
}

const quickNames = ["etl-100k", "etl-100k-20ms"];

/** Ends the process with a word of help if the flags make no sense. */
export function readFlags(words: readonly string[]): Flags {
  const { runs, only, messages, quick, etl } = parsed(words);
  const executables = (etl ?? [join(import.meta.dirname, "../../dist/etl")]).map((path) => resolve(path));
  const missing = executables.find((path) => !existsSync(path));
  if (missing !== undefined) fail(`${missing} is missing`);
  const patterns = (only ?? (quick ? quickNames : ["*"])).map((pattern) => new Bun.Glob(pattern));
  return {
    runs: wholeNumber("--runs", runs) ?? (quick ? 3 : 5),
    messages: wholeNumber("--messages", messages),
    executables,
    wants(name) {
      const [plain = name] = name.split("#");
      return patterns.some((pattern) => pattern.match(plain) || pattern.match(name));
    },
  };
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        runs: { type: "string" },
        only: { type: "string", multiple: true },
        messages: { type: "string" },
        quick: { type: "boolean" },
        etl: { type: "string", multiple: true },
      },
    }).values;
  } catch {
    return fail("unknown argument");
  }
}

function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) fail(`${flag} takes a whole number above 0`);
  return Number(text);
}

/** Ends the process: it was called wrongly. */
export function fail(message: string): never {
  console.error(`error: ${message}\n${usage}`);
  process.exit(64);
}
