/** Gathers what is known of the queue side for `etl doctor`: everything is asked, and nothing changed. */

import { callerIdentity } from "../../aws/identity.ts";
import type { RetryPolicy } from "../../aws/retry.ts";
import type { Answer } from "../../doctor/finding.ts";
import type { DeadLetterFacts, QueueFacts } from "../../doctor/queue-facts.ts";
import type { EtlError } from "../../errors.ts";
import type { Settings } from "../../settings/settings.ts";
import type { QueueDescription } from "../../sqs/attributes.ts";
import { inspectQueue, type QueueInspection } from "../../sqs/inspection.ts";
import type { SqsQueueParts } from "../../sqs/queue-client.ts";
import { redrivePlace, resolveEndpoint } from "../../sqs/queue-url.ts";
import type { Context } from "../context.ts";
import { accountParts, noDeadLetterQueue, sourceParts } from "../queue.ts";
import { answerNow, answerOf, type Deadline, openDeadline } from "./answer.ts";

/** A lost connection is tried once more; the deadline ends everything else. */
const retryPolicy: RetryPolicy = {
  attempts: 2,
  firstPauseMillis: 100,
  longestPauseMillis: 100,
  totalMillis: 1_000,
};

/** What suits a person who waits: the clock is a check of its own, and warned of there. */
const forAPerson = { retryPolicy, onClockSkew: undefined };

const reachHint = "check the queue URL, AWS_ENDPOINT_URL_SQS, HTTPS_PROXY and the network";

/** The adapter's parts for a queue of the settings, with what suits a person who waits. */
export function inspectionParts(queue: Settings["queue"], context: Context): SqsQueueParts {
  return { ...sourceParts(queue, context), ...forAPerson };
}

/**
 * Asks the queue, its dead-letter queues, and AWS for the identity, all at the same time.
 *
 * @param onArn told the queue's ARN, or that nobody knows it, as soon as that is clear
 * @throws EtlError of kind config where no queue is named, or its URL cannot be used
 */
export async function queueFacts(
  settings: Pick<Settings, "queue" | "rejects" | "drain">,
  context: Context,
  onArn: (arn: string | undefined) => void,
): Promise<QueueFacts> {
  const parts = inspectionParts(settings.queue, context);
  const { queue, host } = resolveEndpoint(parts.queue);
  const inspection = inspectQueue(parts);
  const deadline = openDeadline(host, reachHint);
  const { signal } = deadline;
  const ask = <T>(promise: Promise<T>) => answerOf(deadline.within(promise));
  try {
    const description = ask(inspection.describe(signal));
    void description.then((answer) => onArn("value" in answer ? answer.value.arn : undefined));
    const [identity, clockAheadMillis, described, receive, remove, changeVisibility, redrive, letters] =
      await Promise.all([
        ask(callerIdentity({ ...accountParts(settings.queue, context), ...forAPerson })),
        inspection.clockAheadMillis(signal).catch(() => undefined),
        description,
        ask(inspection.permission("receive", signal)),
        ask(inspection.permission("delete", signal)),
        ask(inspection.permission("changeVisibility", signal)),
        description.then((answer) => redriveTarget(answer, settings, context, deadline)),
        deadLetters(settings, context, deadline),
      ]);
    return {
      url: queue.href,
      name: queue.name,
      batchSize: settings.drain.batchSize,
      identity,
      clockAheadMillis,
      description: described,
      receive,
      delete: remove,
      changeVisibility,
      redriveTarget: redrive,
      deadLetters: letters,
    };
  } finally {
    deadline.end();
  }
}

/** The dead-letter queue of the redrive policy; not asked where it is in another account or region. */
async function redriveTarget(
  answer: Answer<QueueDescription>,
  { queue }: Pick<Settings, "queue">,
  context: Context,
  { signal, within }: Deadline,
): Promise<QueueFacts["redriveTarget"]> {
  if ("error" in answer || queue.url === undefined) return undefined;
  const url = redrivePlace(queue.url, answer.value)?.url;
  if (url === undefined) return undefined;
  const opened = answerNow(() => inspectQueue(inspectionParts({ ...queue, url }, context)));
  return "error" in opened ? opened : answerOf(within(opened.value.describe(signal)));
}

async function deadLetters(
  { queue, rejects }: Pick<Settings, "queue" | "rejects">,
  context: Context,
  { signal, within }: Deadline,
): Promise<DeadLetterFacts | EtlError | undefined> {
  const { action, deadLetterUrl: url } = rejects;
  if (action === "leave") return undefined;
  const opened = answerNow((): QueueInspection => {
    if (url === undefined) throw noDeadLetterQueue();
    return inspectQueue(inspectionParts({ ...queue, url }, context));
  });
  if ("error" in opened) return opened.error;
  const [description, send] = await Promise.all([
    answerOf(within(opened.value.describe(signal))),
    answerOf(within(opened.value.permission("send", signal))),
  ]);
  return { url: url ?? "", description, send };
}
