/** Keeps the answer to a question or its error, so that one question that fails leaves the others their answers. */

import type { Answer } from "../doctor/check.ts";
import { EtlError } from "../errors.ts";

/** The answer that a promise comes to. What is not an `EtlError` is a bug, and is thrown. */
export async function answerOf<T>(promise: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await promise };
  } catch (error) {
    return errorOf(error);
  }
}

/** As {@link answerOf}, for what is known at once. */
export function answerNow<T>(read: () => T): Answer<T> {
  try {
    return { value: read() };
  } catch (error) {
    return errorOf(error);
  }
}

function errorOf(error: unknown): { readonly error: EtlError } {
  if (error instanceof EtlError) return { error };
  throw error;
}

/** How long `etl doctor` waits for the queue, and for each question to the database. */
export const patienceMillis = 10_000;

/** A limit on the time of some questions. */
export interface Deadline {
  /** Aborted when the time is over, with an error that says so. */
  readonly signal: AbortSignal;
  /** The answer, or that error if the time is over first. */
  ask<T>(promise: Promise<T>): Promise<Answer<T>>;
}

/** Starts the time: {@link patienceMillis} from now. */
export function openDeadline(subject: string, hint: string): Deadline {
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
  return { signal, ask: (promise) => answerOf(Promise.race([promise, over])) };
}
