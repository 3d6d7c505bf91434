/** Asks a queue for its attributes, in a process and an environment of its own, and prints what came of it as JSON. */

import { EtlError } from "../../../../src/errors.ts";
import { createSqsSource } from "../../../../src/sqs/source.ts";

/** What the program printed: a queue's ARN, or the parts of an `EtlError`. */
type Outcome = { readonly arn?: string } & Partial<
  Pick<EtlError, "kind" | "message" | "hint" | "code" | "retryable">
>;

/**
 * Runs this file as a program.
 *
 * @param env all of its environment: nothing comes from this process, so that no credentials of the machine are found
 * @throws if it wrote anything to standard error, or did not end well
 */
export async function askAttributes(queueUrl: string, env: Record<string, string>): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, "--no-env-file", import.meta.path, queueUrl], {
    env: { HOME: "/nonexistent", PATH: process.env.PATH ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const outputs = [child.stdout.text(), child.stderr.text(), child.exited] as const;
  const [output, errors, exitCode] = await Promise.all(outputs);
  if (errors !== "" || exitCode !== 0) throw new Error(`exit code ${exitCode}: ${errors}`);
  return JSON.parse(output);
}

async function outcomeOf(url: string): Promise<object> {
  const { AWS_REGION: environmentRegion, AWS_ENDPOINT_URL_SQS: endpoint } = process.env;
  try {
    const source = createSqsSource({
      queue: { url, environmentRegion, endpoint },
      env: process.env,
      clock: { monotonicMillis: () => performance.now(), sleep: (millis) => Bun.sleep(millis) },
      now: Date.now,
      random: Math.random,
      retryPolicy: { attempts: 2, firstPauseMillis: 1, longestPauseMillis: 1, totalMillis: 1000 },
    });
    return { arn: (await source.attributes()).arn };
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    const { kind, message, hint, code, retryable } = error;
    return { kind, message, hint, code, retryable };
  }
}

if (import.meta.main) console.log(JSON.stringify(await outcomeOf(process.argv[2] ?? "")));
