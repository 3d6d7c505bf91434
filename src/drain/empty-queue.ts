/** The second opinion at the end of a drain: what the queue itself says of what is left. */

import type { Source } from "./ports.ts";

/**
 * Whether the queue's own count agrees that nothing is left to receive. Messages that this run rejected and left there
 * do not count. A queue that does not answer is taken as empty: an opinion must never keep a run alive.
 *
 * @param leftBehind how many of the visible messages may be such; asked once the queue has answered
 */
export async function agreesToBeEmpty(
  source: Pick<Source, "attributes">,
  leftBehind: () => number,
): Promise<boolean> {
  try {
    const { visible } = await source.attributes();
    return visible <= leftBehind();
  } catch {
    return true;
  }
}
