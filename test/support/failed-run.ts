/** What a failed run must look like, whatever failed: one error, one way out, and no secret in either. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import type { Finished } from "./binary.ts";

/** How a run is to have failed. */
export interface ExpectedFailure {
  readonly exitCode: number;
  /** A part of the one `error:` line. */
  readonly error: string;
  /** A part of the one `try:` line. */
  readonly hint: string;
}

/** Checks exit code, the error and its hint, each on one line, and that nothing of the environment's secrets is shown. */
export function expectFailure(
  run: Finished,
  { exitCode, error, hint }: ExpectedFailure,
  env: Readonly<Record<string, string>>,
): void {
  const lines = run.stderr.trimEnd().split("\n");
  expect(run.stderr).toContain(error);
  expect(run.exitCode).toBe(exitCode);
  expect(lines.filter((line) => line.startsWith("error: "))).toEqual([lines.at(-2) ?? ""]);
  expect(lines.filter((line) => line.startsWith("try: "))).toEqual([lines.at(-1) ?? ""]);
  expect(lines.at(-2)).toContain(error);
  expect(lines.at(-1)).toContain(hint);
  expect(run.stdout).not.toContain("error: ");
  expectNoSecret(run.stdout + run.stderr, env);
}

/** Checks that the text holds no key, password or token of the environment, in any form that they are written in. */
function expectNoSecret(text: string, env: Readonly<Record<string, string>>): void {
  const secrets = secretsOf(env);
  expect(secrets.length).toBeGreaterThan(0);
  for (const secret of secrets) expect(text).not.toContain(secret);
}

function secretsOf(env: Readonly<Record<string, string>>): string[] {
  const url = env.DATABASE_URL ?? "";
  const password = URL.canParse(url) ? new URL(url).password : "";
  const keyFile = env.ETL_MASK_KEY_FILE ?? "";
  const key = env.ETL_MASK_KEY ?? (keyFile === "" ? "" : readFileSync(keyFile, "utf8"));
  return [
    url,
    password,
    decodeURIComponent(password),
    env.PGPASSWORD ?? "",
    env.AWS_SECRET_ACCESS_KEY ?? "",
    env.AWS_SESSION_TOKEN ?? "",
    ...formsOf(key.trim()),
  ].filter((secret) => secret !== "");
}

function formsOf(key: string): string[] {
  const bytes = Buffer.from(key, "base64");
  return [
    key,
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
}
