/** What the queue says of itself, which every command on a queue waits for before anything else. */

import type { Clock, QueueAttributes } from "../polling/ports.ts";
import type { Context } from "./context.ts";
import type { OpenQueue } from "./queue.ts";

/** When a person begins to wonder. A queue that takes the connection and says nothing is given a minute, tries included. */
const wonderMillis = 5_000;

/**
 * Asks, and says so once where no answer comes.
 *
 * @throws EtlError what the queue's client does
 */
export async function firstAnswer(
  { name, source }: OpenQueue,
  { log }: Pick<Context, "log">,
  clock: Pick<Clock, "sleep">,
): Promise<QueueAttributes> {
  const answered = new AbortController();
  void clock.sleep(wonderMillis, answered.signal).then(() => {
    if (!answered.signal.aborted) log.warn(`the queue ${name} has not answered yet; waiting`);
  });
  try {
    return await source.attributes();
  } finally {
    answered.abort();
  }
}
