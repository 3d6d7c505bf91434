/** Keeps a drain's memory small: garbage is collected while the database is at work, before much of it has gathered. */

import type { Sink } from "../../drain/ports.ts";

/**
 * Left to itself the runtime lets garbage grow to twice what is in use, and by 30 MB at least. More often would cost
 * more time than the memory is worth: a collection visits all that is in use, and a message leaves about 2 kB.
 */
const messagesBetween = 2_000;

/** For the statement to be on its way: the collection then runs beside it. */
const headStartMillis = 3;

/** The sink, with a collection beside a load every so many messages. */
export function frugalSink(sink: Sink, collectGarbage: () => void): Sink {
  let messages = 0;
  return {
    load(batch) {
      messages += batch.length;
      if (messages >= messagesBetween) {
        messages = 0;
        setTimeout(collectGarbage, headStartMillis);
      }
      return sink.load(batch);
    },
  };
}
