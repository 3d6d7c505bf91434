/** The second opinion at the end of a drain: what the queue itself says of what is left. */

import type { Source } from "./ports.ts";

/**
 * Whether the queue's own count agrees that nothing is left to receive. Messages that this run rejected and left there
 * do not count. A queue that does not answer is taken as empty: an opinion must never keep a run alive.
 *
 * @param leftInQueue messages this run rejected
 */
export async function agreesToBeEmpty(
  source: Pick<Source, "attributes">,
  leftInQueue: number,
): Promise<boolean> {
  try {
    const { visible } = await source.attributes();
    return visible <= leftInQueue;
  } catch {
    return true;
  }
}
