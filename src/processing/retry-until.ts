/** Tries an operation again while its failure may pass, for as long as the run allows. */

import { EtlError } from "../errors.ts";
import type { Clock } from "../polling/ports.ts";

const firstPauseMillis = 200;
const longestPauseMillis = 10_000;

/** How long to try, and whom to tell. */
export interface RetryLimits {
  readonly clock: Clock;
  /** A number in [0, 1), for jitter: many processes that fail together must not come back together. */
  readonly random: () => number;
  /** Whether a failure that may pass is worth another try here. @defaultValue each is */
  readonly mayPass?: (error: EtlError) => boolean;
  /** How long one operation may go on failing before its last error ends the run. */
  readonly giveUpAfterMillis: number;
  /** Ends the waiting at once; the last error is then thrown as it is. */
  readonly signal: AbortSignal;
  /** Told at the first failure of a row of failures. */
  readonly onTrouble: (error: EtlError) => void;
  /** Told when an operation works again after `onTrouble`. */
  readonly onRecovery: (operation: string) => void;
}

/**
 * Runs the operation until it succeeds, fails for good, or the time is over. Pauses grow exponentially, with full jitter.
 *
 * @throws EtlError the operation's own if it is not retryable or the signal ended the waiting; kind `temporary` if the
 * time was over
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export async function retryUntil<T>(operation: () => Promise<T>, limits: RetryLimits): Promise<T> {
  const { clock, random, giveUpAfterMillis, signal, mayPass = () => true } = limits;
  let firstFailure: { readonly at: number; readonly error: EtlError } | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const result = await operation();
      if (firstFailure !== undefined) limits.onRecovery(firstFailure.error.operation);
      return result;
    } catch (error) {
      if (!(error instanceof EtlError) || !error.retryable || signal.aborted || !mayPass(error)) throw error;
      if (firstFailure === undefined) {
        firstFailure = { at: clock.monotonicMillis(), error };
        limits.onTrouble(error);
      }
      const pause = random() * Math.min(longestPauseMillis, firstPauseMillis * 2 ** attempt);
      const failingMillis = clock.monotonicMillis() - firstFailure.at;
      if (failingMillis >= giveUpAfterMillis) throw gaveUp(error, failingMillis);
      // Tried once more at the very end, and not given up before it.
      await clock.sleep(Math.min(pause, giveUpAfterMillis - failingMillis), signal);
      if (signal.aborted) throw error;
    }
  }
}

function gaveUp(error: EtlError, failingMillis: number): EtlError {
  const { operation, code, resource } = error;
  return new EtlError({
    kind: "temporary",
    operation,
    message: `gave up after ${Math.round(failingMillis / 1000)} s: ${error.message}`,
    hint: error.hint ?? "run the same command again: nothing is lost and nothing is doubled",
    code,
    resource,
    cause: error,
  });
}
