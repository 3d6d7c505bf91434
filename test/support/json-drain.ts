/** A drain with `--json`, and its output as a script reads it. */

import { expect } from "bun:test";
import type { Receipt } from "../../src/polling/receipt.ts";
import { type Finished, runEtl } from "./binary.ts";
import type { World } from "./world.ts";

/** One line of standard output. */
export interface JsonLine {
  readonly messageId?: string;
  readonly row?: Readonly<Record<string, string | number | null>>;
  readonly rejection?: {
    readonly messageId: string;
    readonly reason: string;
    readonly path: string;
    readonly column?: string;
  };
  readonly receipt?: Receipt;
}

/** A finished drain. */
export interface JsonDrain extends Finished {
  readonly lines: readonly JsonLine[];
  /** The last line's. */
  readonly receipt: Receipt;
}

/** Runs `etl drain --json`; polls of an empty queue end at once. */
export async function drainJson(
  world: World,
  queueUrl: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<JsonDrain> {
  const wait = args.includes("--wait-seconds") ? [] : ["--wait-seconds", "0"];
  return readJson(
    await runEtl(["drain", "--json", ...wait, ...args], { env: world.env(queueUrl, env), cwd: world.folder }),
  );
}

/** Reads what a drain with `--json` wrote: every line is one object, the receipt is the last and adds up. */
export function readJson(run: Finished): JsonDrain {
  const lines = run.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as JsonLine);
  const receipt = lines.at(-1)?.receipt;
  if (receipt === undefined) throw new Error(`no receipt (exit ${run.exitCode}):\n${run.stderr}`);
  const { received, inserted, duplicates, rejected, released, unsettled } = receipt;
  expect(received).toBe(inserted + duplicates + rejected + released + unsettled);
  expect(Object.values(receipt.rejections).reduce((sum, count) => sum + count, 0)).toBe(rejected);
  return { ...run, lines, receipt };
}
