/** Runs `etl doctor --json` and reads what it found. */

import { expect } from "bun:test";
import type { Finding, Summary } from "../../src/doctor/check.ts";
import { type RunOptions, runEtl } from "./binary.ts";
import { expectOnly, lineOf } from "./doctor-facts.ts";

/** What one run found. */
export interface DoctorRun {
  readonly exitCode: number | null;
  readonly findings: readonly Finding[];
  readonly summary: Summary & { readonly seconds: number };
  /** All that was written. */
  readonly text: string;
}

/** Runs it to its end; standard error must be empty. */
export async function runDoctor(args: readonly string[], options: RunOptions): Promise<DoctorRun> {
  const run = await runEtl(["doctor", "--json", ...args], options);
  expect(run.stderr).toBe("");
  const objects = run.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { summary } = objects.pop();
  expect(run.exitCode).toBe(summary.exitCode);
  const findings = objects.map(({ finding }) => finding as Finding);
  return { exitCode: run.exitCode, findings, summary, text: run.stdout };
}

/** Expects that a run found exactly these lines differently. What rests on a queue that did not answer does not count. */
export function expectDifferences(now: DoctorRun, before: DoctorRun, expected: readonly RegExp[]): void {
  const lines = now.findings.map(lineOf).filter((line) => !line.includes("did not say its ARN"));
  expectOnly(lines, before.findings.map(lineOf), expected);
}
