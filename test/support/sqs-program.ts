/** Runs the program that asks a queue for its attributes, in a process and an environment of its own. */

import { join } from "node:path";

/** What the program printed: a queue's ARN, or the parts of an `EtlError`. */
export interface AttributesOutcome {
  readonly arn?: string;
  readonly kind?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly code?: string;
  readonly retryable?: boolean;
}

const program = join(import.meta.dir, "../integration/sqs/programs/attributes.ts");

/**
 * Runs it.
 *
 * @param env all of its environment: nothing comes from this process, so that no credentials of the machine are found
 * @throws where it wrote anything to standard error, or did not end well
 */
export async function askAttributes(
  queueUrl: string,
  env: Record<string, string>,
): Promise<AttributesOutcome> {
  const child = Bun.spawn([process.execPath, "--no-env-file", program, queueUrl], {
    env: { HOME: "/nonexistent", PATH: process.env.PATH ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (errors !== "" || exitCode !== 0) throw new Error(`exit code ${exitCode}: ${errors}`);
  return JSON.parse(output);
}
