/** Where the process begins and ends: it takes the world from `process`, and gives the exit code back. */

import { isatty } from "node:tty";
import { describeFailure } from "./cli/failure.ts";
import { runCommandLine } from "./cli.ts";
import type { StopSignal } from "./commands/context.ts";
import { hangUpEnds, openOutputs } from "./terminal/output.ts";

const { stdout, stderr } = openOutputs(process);

/** For a reader to take the reason of a crash, in milliseconds. */
const crashMillis = 1_000;

/** Ends a process whose state is no longer known, after the reason has been written. */
async function crash(reason: unknown): Promise<never> {
  const { text, exitCode } = describeFailure(reason);
  await Promise.race([stderr.write(text).catch(() => {}), Bun.sleep(crashMillis)]);
  process.exit(exitCode);
}

function onStopSignal(listener: (signal: StopSignal) => void): () => void {
  const signals: readonly StopSignal[] = [
    "SIGINT",
    "SIGTERM",
    ...(hangUpEnds() ? (["SIGHUP"] as const) : []),
  ];
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

process.on("uncaughtException", crash);
process.on("unhandledRejection", crash);

const exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  stdout,
  stderr,
  keyboard: () => (isatty(0) ? process.stdin : undefined),
  onStopSignal,
  now: () => new Date(),
});

// All output is written, or given up, by now. What a run leaves open, such as a call to a queue that does not answer, must neither
// keep the process alive nor log behind the error.
process.exit(exitCode);
