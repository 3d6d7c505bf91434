/** Opens the two queues of `etl rejects retry`: where the dead letters are, and where they go back to. */

import { EtlError } from "../../errors.ts";
import type { QueueAttributes, Source } from "../../polling/ports.ts";
import type { Settings } from "../../settings/settings.ts";
import { redrivePlace } from "../../sqs/queue-url.ts";
import type { Context } from "../context.ts";
import { firstAnswer, openQueue } from "../queue.ts";
import { systemClock } from "../system-clock.ts";

/** One of the two. */
export interface RetryPlace {
  readonly name: string;
  readonly url: string;
  readonly source: Source;
  readonly attributes: QueueAttributes;
}

/** Both. */
export interface RetryPlaces {
  /** Where dead letters go back to. */
  readonly queue: RetryPlace;
  /** Where they are; its messages come with their attributes. */
  readonly letters: RetryPlace;
}

const dead = "--dead-letter-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE";

/**
 * Opens them: the dead-letter queue is that of the settings, or else the one of the queue's redrive policy.
 *
 * @throws EtlError of kind config where there is none, or messages cannot go from the one to the other
 */
export async function openRetryPlaces(settings: Settings, context: Context): Promise<RetryPlaces> {
  const main = openQueue(settings.queue, context);
  const attributes = await firstAnswer(main, context, systemClock);
  const queue = { ...main, url: settings.queue.url ?? "", attributes };
  const url = settings.rejects.deadLetterUrl ?? redriveUrl(queue);
  // What a body points to is not fetched: the pointer goes back as it is.
  const opened = openQueue({ ...settings.queue, url, extendedPayloads: false }, context, true);
  const letters = { ...opened, url, attributes: await firstAnswer(opened, context, systemClock) };
  if (letters.attributes.arn === queue.attributes.arn) {
    throw unusable(
      "the dead-letter queue is the queue that its messages would go back to",
      `give another ${dead}`,
    );
  }
  if (letters.attributes.fifo !== queue.attributes.fifo) {
    throw unusable(
      "of queue and dead-letter queue one is a FIFO queue, and the other is none",
      `check ${dead}`,
    );
  }
  return { queue, letters };
}

function redriveUrl({ name, url, attributes }: Pick<RetryPlace, "name" | "url" | "attributes">): string {
  const place = redrivePlace(url, attributes);
  if (place === undefined) {
    throw unusable(`${name} has no dead-letter queue: neither settings nor a redrive policy name one`, dead);
  }
  if (place.url === undefined) {
    throw unusable(
      `the dead-letter queue ${place.name} is in another account or region, and its URL not known`,
      dead,
    );
  }
  return place.url;
}

function unusable(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "retry", message, hint });
}
