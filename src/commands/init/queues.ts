/** The queues as the set-up sees them: looked into, and left as they were. */

import type { Message } from "../../message/message.ts";
import { giveBack } from "../../polling/peek.ts";
import type { Source } from "../../polling/ports.ts";
import type { QueueSettings } from "../../settings/settings.ts";
import type { Sample, SampleOptions, SetupQueue, SetupQueues } from "../../setup/ports.ts";
import type { Context } from "../context.ts";
import { openQueue } from "../queue.ts";

/** SQS asks all of its servers where a poll may wait; a person waits, too. */
const waitSeconds = 2;

/** Empty polls in a row after which there is nothing more to look at. */
const emptyPollsToEnd = 2;

/**
 * Opens queues by their URLs, with everything else as the settings say.
 *
 * @param account who asks, and which queues there are
 * @param signal ends an open poll; what was received is given back all the same
 */
export function setupQueues(
  settings: QueueSettings,
  context: Pick<Context, "env" | "log">,
  account: Pick<SetupQueues, "identity" | "list">,
  signal: AbortSignal,
): SetupQueues {
  return {
    ...account,
    open(url): SetupQueue {
      const open = (extendedPayloads: boolean) =>
        openQueue({ ...settings, url, extendedPayloads }, context, true);
      const { name, source } = open(false);
      return {
        name,
        facts: () => source.attributes(),
        sample: (options) =>
          takeSample(options.extendedPayloads ? open(true).source : source, options, signal),
      };
    },
  };
}

/** Holds every message until the last has come, as it would meet again what it gave back; then gives all of them back. */
async function takeSample(
  source: Source,
  { maxMessages }: SampleOptions,
  signal: AbortSignal,
): Promise<Sample> {
  const held: string[] = [];
  const messages = new Map<string, Message>();
  let emptyPolls = 0;
  let failure: { readonly error: unknown } | undefined;
  try {
    // Once there is something to look at, nobody has to wait for more.
    while (messages.size < maxMessages && emptyPolls < (messages.size === 0 ? emptyPollsToEnd : 1)) {
      const received = await source.receive({
        maxMessages: maxMessages - messages.size,
        waitSeconds: messages.size === 0 ? waitSeconds : 0,
        signal,
      });
      for (const message of received) {
        held.push(message.receiptHandle);
        messages.set(message.messageId, message);
      }
      emptyPolls = received.length === 0 ? emptyPolls + 1 : 0;
    }
  } catch (error) {
    failure = { error };
  }
  const notReleased = await giveBack(source, held);
  if (failure !== undefined) throw failure.error;
  return { messages: [...messages.values()], notReleased };
}
