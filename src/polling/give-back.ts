/** Gives deliveries back to the queue at once, so that nobody has to wait for their time-out. */

import type { Source } from "./ports.ts";
import { batchEntries } from "./tens.ts";

/**
 * Makes the deliveries visible again, ten a call. A call that fails is not tried further: those deliveries come back
 * by their visibility time-out, which loses nothing.
 *
 * @returns how many could not be given back at once
 */
export async function giveBack(
  source: Pick<Source, "changeVisibility">,
  receiptHandles: readonly string[],
): Promise<number> {
  const calls: Promise<number>[] = [];
  for (let start = 0; start < receiptHandles.length; start += batchEntries) {
    const changes = receiptHandles
      .slice(start, start + batchEntries)
      .map((receiptHandle) => ({ receiptHandle, timeoutSeconds: 0 }));
    calls.push(
      source.changeVisibility(changes).then(
        ({ failed }) => failed,
        () => changes.length,
      ),
    );
  }
  const failed = await Promise.all(calls);
  return failed.reduce((sum, count) => sum + count, 0);
}
