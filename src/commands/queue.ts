/** Opens the queue that the settings name. */

import type { QueueSettings } from "../config/settings.ts";
import type { Source } from "../drain/ports.ts";
import { EtlError } from "../errors.ts";
import { parseQueueUrl } from "../sqs/queue-url.ts";
import { createSqsSource } from "../sqs/source.ts";
import type { Context } from "./context.ts";
import { systemClock } from "./system-clock.ts";

/** An opened queue. */
export interface OpenQueue {
  /** The last part of its URL. */
  readonly name: string;
  readonly source: Source;
}

/**
 * Opens the queue; nothing is sent yet.
 *
 * @throws EtlError of kind config where no queue is named, or its URL cannot be used
 */
export function openQueue(settings: QueueSettings, { env }: Pick<Context, "env">): OpenQueue {
  const { url } = settings;
  if (url === undefined) {
    throw new EtlError({
      kind: "config",
      operation: "queue",
      message: "no queue is named",
      hint: "set ETL_QUEUE_URL, or give --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
    });
  }
  const source = createSqsSource({
    queue: { ...settings, url },
    env,
    clock: systemClock,
    now: Date.now,
    random: Math.random,
  });
  return { name: parseQueueUrl(url).name, source };
}
