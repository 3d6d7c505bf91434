/** Keeps what a question came to, so that one that fails leaves the others their answers. */

import type { Answer } from "../../doctor/finding.ts";
import { EtlError } from "../../errors.ts";

/** The answer that a promise comes to; what is not an `EtlError` is a bug, and thrown on. */
export async function answerOf<T>(promise: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await promise };
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    return { error };
  }
}

/** The answer of what is known at once. */
export function answerNow<T>(read: () => T): Answer<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    return { error };
  }
}

/** How long one side, queue or database, is waited for: a person sits before it. */
export const patienceMillis = 10_000;

/** Ends the asking of one side, with an error that says so. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Rejects when the time is over, whatever the promise does. */
  within<T>(promise: Promise<T>): Promise<T>;
  end(): void;
}

/** Begins to wait. */
export function openDeadline(subject: string, hint: string): Deadline {
  const ending = new AbortController();
  const late = new EtlError({
    kind: "unavailable",
    operation: "doctor",
    message: `${subject} did not answer within ${patienceMillis / 1000} s`,
    hint,
    retryable: true,
  });
  const timer = setTimeout(() => ending.abort(late), patienceMillis);
  const over = new Promise<never>((_, reject) => {
    ending.signal.addEventListener("abort", () => reject(ending.signal.reason), { once: true });
  });
  over.catch(() => {});
  return {
    signal: ending.signal,
    within: (promise) => Promise.race([promise, over]),
    end: () => clearTimeout(timer),
  };
}
