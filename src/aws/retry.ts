/** Tries a call again while its failure may pass: exponential pauses, full jitter, bounded in number and time. */

import { EtlError } from "../errors.ts";
import type { Clock } from "../polling/ports.ts";

/** How often and how long. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** The longest pause after the first failure; it doubles with each further one. */
  readonly firstPauseMillis: number;
  /** What no pause exceeds. */
  readonly longestPauseMillis: number;
  /** No try begins later than this after the first. */
  readonly totalMillis: number;
}

/**
 * Rides out a lost connection or a throttle of a moment: pauses of 0.8 s in all on average. What lasts longer is for
 * the caller to wait for, who knows how long the run may take.
 */
export const defaultRetryPolicy: RetryPolicy = {
  attempts: 5,
  firstPauseMillis: 100,
  longestPauseMillis: 10_000,
  totalMillis: 60_000,
};

/** What waiting needs. */
export interface RetryParts {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  /** A number in [0, 1): clients that fail together must not come back together. */
  readonly random: () => number;
}

/** The tries of one call. */
export class Retries {
  readonly #parts: RetryParts;
  readonly #startMillis: number;
  #failures = 0;

  constructor(parts: RetryParts) {
    this.#parts = parts;
    this.#startMillis = parts.clock.monotonicMillis();
  }

  /**
   * Waits before the next try.
   *
   * @returns false, at once, if there is to be no next try
   * @throws the signal's reason if it is aborted
   * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
   */
  async next(signal?: AbortSignal): Promise<boolean> {
    const { policy, clock, random } = this.#parts;
    this.#failures += 1;
    if (this.#failures >= policy.attempts) return false;
    const longest = Math.min(policy.longestPauseMillis, policy.firstPauseMillis * 2 ** (this.#failures - 1));
    const pause = random() * longest;
    if (clock.monotonicMillis() - this.#startMillis + pause > policy.totalMillis) return false;
    await clock.sleep(pause, signal);
    signal?.throwIfAborted();
    return true;
  }
}

/**
 * Runs the operation until it succeeds, fails for good, or tries are exhausted.
 *
 * @param goesOn told of each failure, says whether there is use in another try
 * @throws the operation's own error, or the signal's reason
 */
export async function withRetries<T>(
  operation: () => Promise<T>,
  parts: RetryParts,
  signal?: AbortSignal,
  goesOn: (failure: EtlError) => boolean = ({ retryable }) => retryable,
): Promise<T> {
  const retries = new Retries(parts);
  for (;;) {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof EtlError) || !goesOn(error)) throw error;
      if (!(await retries.next(signal))) throw error;
    }
  }
}
