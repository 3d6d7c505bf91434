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
  /** Lets signals end the process again. */
  end(): void;
}

/** Listens from now on: the first signal is graceful, the second is forced. */
export function listenForStop(parts: Pick<Context, "onStopSignal"> & { log: Pick<Log, "info"> }): Stop {
  const graceful = new AbortController();
  const forced = new AbortController();
  let exitCode = stopExitCodes.SIGINT;
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
    end,
  };
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
