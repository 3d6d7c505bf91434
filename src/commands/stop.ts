/** Turns stop signals into what a run understands: first gracefully, then at once. */

import type { StopSignals } from "../polling/drain.ts";
import type { Log } from "../terminal/log.ts";
import type { Context, StopSignal } from "./context.ts";

/** 128 and the signal's number, as shells report a process that a signal ended. */
export const stopExitCodes: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** The stop signals of one run. */
export interface Stop extends StopSignals {
  /** What the run exits with if it was stopped. */
  readonly exitCode: number;
  /** Resolves with the promise, or with undefined at the first stop signal, whichever comes first. */
  orStopped<T>(promise: Promise<T>): Promise<T | undefined>;
  /**
   * Waits for a command, but hardly longer than a forced stop: what it still waits for then is left.
   *
   * @returns the command's exit code; that of the stop if the command was left, or the stop has cost it a part of its results
   */
  orForced(command: Promise<number>): Promise<number>;
  /** Lets signals end the process again. */
  end(): void;
}

/** What listening needs. */
interface StopParts extends Pick<Context, "onStopSignal" | "stdout" | "stderr"> {
  readonly log: Pick<Log, "info">;
}

/** After a forced stop, how long a reader may take for what a command has come to. */
const lastWordsMillis = 250;

/** After a forced stop, how long a command may take to end by itself. */
const lastMillis = 500;

/** Between two looks for a reader that is stuck. */
const lookMillis = 100;

/**
 * Listens from now on: the first signal is graceful, the second is forced, and so is the end of the grace.
 *
 * From the first signal on, a reader of the output that is stuck is waited for no longer; a forced stop waits for none.
 *
 * @param graceMillis from the first signal on @defaultValue no end of the grace
 */
export function listenForStop(parts: StopParts, graceMillis?: number): Stop {
  const graceful = new AbortController();
  const forced = new AbortController();
  const over = Promise.withResolvers<void>();
  const outputs = [parts.stdout, parts.stderr];
  let exitCode = stopExitCodes.SIGINT;
  forced.signal.addEventListener("abort", () => {
    setTimeout(() => {
      for (const output of outputs) output.abandon();
    }, lastWordsMillis);
    setTimeout(over.resolve, lastMillis);
  });
  const end = parts.onStopSignal((signal) => {
    if (graceful.signal.aborted) {
      forced.abort();
      return;
    }
    exitCode = stopExitCodes[signal];
    parts.log.info(
      "stopping: the open poll is answered and what is in flight is settled first; a second signal stops at once",
    );
    graceful.abort();
    if (graceMillis !== undefined) setTimeout(() => forced.abort(), graceMillis);
    setInterval(() => {
      for (const output of outputs) if (output.stuck) output.abandon();
    }, lookMillis);
  });
  return {
    graceful: graceful.signal,
    forced: forced.signal,
    get exitCode() {
      return exitCode;
    },
    async orStopped(promise) {
      // If the stop comes first, nobody is left to hear what the promise fails with.
      promise.catch(() => {});
      return Promise.race([promise, aborted(graceful.signal)]);
    },
    async orForced(command) {
      const code = await Promise.race([command, over.promise]);
      return code === undefined || parts.stdout.abandoned ? exitCode : code;
    },
    end,
  };
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
