/** Opens the queue that the settings name. */

import { EtlError } from "../errors.ts";
import type { Source } from "../polling/ports.ts";
import type { QueueSettings } from "../settings/settings.ts";
import { withExtendedPayloads } from "../sqs/extended-payloads.ts";
import { parseQueueUrl } from "../sqs/queue-url.ts";
import { createSqsSource } from "../sqs/source.ts";
import { formatSeconds } from "../terminal/text.ts";
import type { Context } from "./context.ts";
import { systemClock } from "./system-clock.ts";

/** An opened queue. */
export interface OpenQueue {
  /** The last part of its URL. */
  readonly name: string;
  readonly source: Source;
  /** Requests to the queue that are not answered yet. */
  readonly openRequests: () => number;
}

/**
 * Opens the queue; nothing is sent yet.
 *
 * @param withAttributes whether messages are to come with their senders' attributes
 * @throws EtlError of kind config where no queue is named, or its URL cannot be used
 */
export function openQueue(
  settings: QueueSettings,
  context: Pick<Context, "env" | "log">,
  withAttributes = false,
): OpenQueue {
  const parts = sourceParts(settings, context);
  const source = createSqsSource({ ...parts, withAttributes });
  return {
    name: parseQueueUrl(parts.queue.url).name,
    source: settings.extendedPayloads ? withExtendedPayloads(source, parts) : source,
    openRequests: () => source.openRequests,
  };
}

/** What every adapter of an SQS queue is made of. */
export function sourceParts(settings: QueueSettings, context: Pick<Context, "env" | "log">) {
  const { url } = settings;
  if (url === undefined) {
    throw new EtlError({
      kind: "config",
      operation: "queue",
      message: "no queue is named",
      hint: "set ETL_QUEUE_URL, or give --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
    });
  }
  return { queue: { ...settings, url }, ...serviceParts(context) };
}

/** What every call to AWS is made with, whichever service it goes to. */
export function serviceParts({ env, log }: Pick<Context, "env" | "log">) {
  return {
    env,
    clock: systemClock,
    now: Date.now,
    random: Math.random,
    // Bun's fetch asks the process's environment, and what is passed in may be that of the demo's embedded queue.
    direct: env.NO_PROXY === "*",
    onClockSkew(aheadMillis: number) {
      const seconds = formatSeconds(Math.abs(aheadMillis) / 1000);
      log.warn(
        `this machine's clock is ${seconds} ${aheadMillis > 0 ? "ahead of" : "behind"} that of SQS; requests are signed with SQS's time`,
      );
    },
  };
}
