/** Brings the entries of a batch call through: each has its own fate, inside an answer that is a 200. */

import { EtlError } from "../errors.ts";
import type { BatchAnswer } from "./response.ts";
import { Retries, type RetryParts } from "./retry.ts";

/** How a batch is called. */
export interface BatchCall<T> {
  /** Sends the entries, whose ids are their places in the list. */
  readonly send: (entries: readonly T[]) => Promise<BatchAnswer>;
  /** Codes of a refusal of the whole call that is about one of its entries, and would be of another call too. */
  readonly entryCodes: ReadonlySet<string>;
  readonly retry: RetryParts;
}

/**
 * Calls with all entries, then with those that failed and may yet go through, until nothing is left or there is no
 * use in going on. Where one entry makes the server refuse the call, each is sent by itself.
 *
 * @returns the indexes of the entries that went through
 * @throws what a call throws that is not about an entry, where no entry has gone through before it
 */
export async function callBatch<T>(entries: readonly T[], call: BatchCall<T>): Promise<ReadonlySet<number>> {
  const done = new Set<number>();
  try {
    const spoilt = await callTogether(entries, call, done);
    for (const index of spoilt) await callTogether(entries, call, done, [index]);
  } catch (error) {
    if (done.size === 0) throw error;
  }
  return done;
}

/**
 * One round of calls and retries.
 *
 * @param done takes up what went through
 * @returns the entries that were refused together, where it cannot be known for which of them
 */
async function callTogether<T>(
  entries: readonly T[],
  { send, entryCodes, retry }: BatchCall<T>,
  done: Set<number>,
  indexes: readonly number[] = [...entries.keys()],
): Promise<readonly number[]> {
  const retries = new Retries(retry);
  let pending = indexes;
  while (pending.length > 0) {
    let answer: BatchAnswer;
    try {
      answer = await send(pending.map((index) => entries[index] as T));
    } catch (error) {
      if (!(error instanceof EtlError) || !entryCodes.has(error.code ?? "")) throw error;
      return pending.length > 1 ? pending : [];
    }
    const { succeeded, refused } = answer;
    const left: number[] = [];
    for (const [place, index] of pending.entries()) {
      if (succeeded.has(String(place))) done.add(index);
      else if (!refused.has(String(place))) left.push(index);
    }
    pending = left;
    if (pending.length > 0 && !(await retries.next())) break;
  }
  return [];
}
