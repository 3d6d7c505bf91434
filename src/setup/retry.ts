/** Asks again where an answer turned out to be wrong, as long as there is somebody to ask. */

import { EtlError } from "../errors.ts";
import type { Asker } from "./asker.ts";

/**
 * Tries until it works. An error is told, and what was given by a flag is asked for from then on.
 *
 * @param given tried first
 * @throws EtlError what the attempt throws, where nobody can answer better
 */
export async function untilRight<Given, Result>(
  asker: Asker,
  given: Given | undefined,
  attempt: (given: Given | undefined) => Promise<Result>,
): Promise<Result> {
  let first = given;
  for (;;) {
    try {
      return await attempt(first);
    } catch (error) {
      // A question that only a flag can answer is no wrong answer.
      if (!(error instanceof EtlError) || !asker.isPerson || error.kind === "usage") throw error;
      await asker.warn(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`);
      first = undefined;
    }
  }
}
