/** Runs `etl doctor --json` and reads what it found. */

import { expect } from "bun:test";
import type { Finding, Summary } from "../../src/doctor/finding.ts";
import { type RunOptions, runEtl } from "./binary.ts";
import { lineOf } from "./doctor-facts.ts";

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
  const lines = run.stdout.trimEnd().split("\n");
  const objects = lines.map((line) => JSON.parse(line));
  const { summary } = objects.pop();
  expect(run.exitCode).toBe(summary.exitCode);
  const findings = objects.map(({ finding }) => finding as Finding);
  return { exitCode: run.exitCode, findings, summary, text: run.stdout };
}

/** The findings that are another than before, as lines; without what was skipped as another check has failed. */
export function differences(now: DoctorRun, before: DoctorRun): readonly string[] {
  const known = new Set(before.findings.map(lineOf));
  const different = now.findings.filter((finding) => !known.has(lineOf(finding)));
  return different
    .filter(({ status, message }) => status !== "skipped" || !/needs|first|did not say its ARN/.test(message))
    .map(lineOf);
}
