/** Keeps a drain's memory small: garbage is collected while the database is at work, before much of it has gathered. */

import type { Loader } from "../../processing/outcome.ts";

/**
 * What may be held at a time, in messages: as garbage of about 2 kB each, in other loads that are open, which hold
 * twice as much, or as requests that are open, each of which weighs as much as ten. Large messages weigh as many as they
 * have bytes for. Left to itself the runtime lets garbage grow to twice what is in use, and by 30 MB at least; to collect
 * more often would cost more time than the memory is worth.
 */
const mostMessages = 4_000;
const messagesOfRequest = 10;
const messagesOfLoading = 2;
const messageBytes = 2 * 1024;

/** For the statement to be on its way: the collection then runs beside it. */
const headStartMillis = 3;

/** What the loader is kept frugal with. */
export interface FrugalParts {
  readonly collectGarbage: () => void;
  /** Calls to the queue that are not over at this moment. */
  readonly openRequests: () => number;
  /** What all messages so far took up when they were received. */
  readonly receivedBytes: () => number;
}

/** The loader, with a collection beside a load every so many messages. */
export function frugalLoader(
  loader: Loader,
  { collectGarbage, openRequests, receivedBytes }: FrugalParts,
): Loader {
  let messages = 0;
  let loading = 0;
  let collectedBytes = 0;
  return {
    async load(batch) {
      messages += batch.length;
      const bytes = receivedBytes();
      const garbage = Math.max(messages, (bytes - collectedBytes) / messageBytes);
      if (garbage + messagesOfLoading * loading + messagesOfRequest * openRequests() >= mostMessages) {
        messages = 0;
        collectedBytes = bytes;
        setTimeout(collectGarbage, headStartMillis);
      }
      loading += batch.length;
      try {
        return await loader.load(batch);
      } finally {
        loading -= batch.length;
      }
    },
  };
}
