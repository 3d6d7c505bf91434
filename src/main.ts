/** Where the process begins and ends: it takes the world from `process`, and gives the exit code back. */

import { describeFailure } from "./cli/failure.ts";
import { runCommandLine } from "./cli.ts";
import type { StopSignal } from "./commands/context.ts";
import { openOutputs } from "./terminal/stream-output.ts";

/** For goodbyes on connections, after the run; all output has been written by then. */
const farewellMillis = 200;

const { stdout, stderr } = openOutputs(process);

/** Ends a process whose state is no longer known, after the reason has been written. */
async function crash(reason: unknown): Promise<never> {
  const { text, exitCode } = describeFailure(reason);
  await stderr.write(text).catch(() => {});
  process.exit(exitCode);
}

function onStopSignal(listener: (signal: StopSignal) => void): () => void {
  const signals: readonly StopSignal[] = ["SIGINT", "SIGTERM"];
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

process.on("uncaughtException", crash);
process.on("unhandledRejection", crash);

process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  stdout,
  stderr,
  onStopSignal,
  now: () => new Date(),
});

// What was left open, such as a call to a queue that never answers, must not keep a run that is over alive.
setTimeout(() => process.exit(), farewellMillis).unref();
