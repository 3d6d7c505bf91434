/** Keeps the answer to a question or its error, so that one question that fails leaves the others their answers. */

import type { Answer } from "../doctor/check.ts";
import { EtlError } from "../errors.ts";

/** What a question comes to. An error that is not an `EtlError` is a bug, and is thrown on. */
export async function answerOf<T>(question: () => T | Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await question() };
  } catch (error) {
    if (error instanceof EtlError) return { error };
    throw error;
  }
}

/** How long `etl doctor` waits for the queue, and for each question to the database. */
export const patienceMillis = 10_000;

/** Asks questions that share a time limit. */
export type Ask = <T>(question: (signal: AbortSignal) => Promise<T>) => Promise<Answer<T>>;

/**
 * Starts a time limit of {@link patienceMillis}. When it is over, the signal is aborted, and every question that has no
 * answer yet is answered with an error.
 *
 * @param subject who is asked
 */
export function askInTime(subject: string, hint: string): Ask {
  const ending = new AbortController();
  const { signal } = ending;
  const late = new EtlError({
    kind: "unavailable",
    operation: "doctor",
    message: `${subject} did not answer within ${patienceMillis / 1000} s`,
    hint,
    retryable: true,
  });
  setTimeout(() => ending.abort(late), patienceMillis).unref();
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(late), { once: true });
  });
  over.catch(() => {});
  return (question) => answerOf(() => Promise.race([question(signal), over]));
}
