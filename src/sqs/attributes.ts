/** What a queue says of itself, from the words of SQS to the drain's own. */

import { EtlError } from "../errors.ts";
import type { QueueAttributes } from "../polling/ports.ts";
import { getQueueAttributes } from "./query.ts";
import type { QueueClient } from "./queue-client.ts";
import { readAttributes } from "./response.ts";

/**
 * The longest that SQS keeps a message. It stands for a server that names no time: ElasticMQ does not, and
 * keeps messages for as long as it runs.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
 */
const longestRetentionSeconds = 14 * 24 * 60 * 60;

/** The ledger knows the queue by this name: a damaged one would be another queue's, and its messages stored twice. */
const arnForm = /^arn:[a-z0-9-]+:sqs:[a-z0-9-]+:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+(\.fifo)?$/;

/**
 * Asks a queue for its attributes.
 *
 * @param operation names the call in errors, whose sentences go by it
 * @throws EtlError once retries are exhausted or where there is no use in any
 */
export function askAttributes(
  { client, timeoutMillis }: Pick<QueueClient, "client" | "timeoutMillis">,
  operation: string,
): Promise<QueueAttributes> {
  const read = (text: string) => toQueueAttributes(readAttributes(text));
  return client.call({ operation, query: getQueueAttributes(), read, timeoutMillis });
}

/**
 * Reads the attributes that `GetQueueAttributes` answers.
 *
 * @throws EtlError of kind protocol, retryable, where one that every queue has is missing or of another form
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
 */
export function toQueueAttributes(attributes: ReadonlyMap<string, string>): QueueAttributes {
  const arn = attributes.get("QueueArn") ?? "";
  if (!arnForm.test(arn)) throw unusable("QueueArn");
  return {
    arn,
    visible: count(attributes, "ApproximateNumberOfMessages"),
    inFlight: count(attributes, "ApproximateNumberOfMessagesNotVisible"),
    delayed: count(attributes, "ApproximateNumberOfMessagesDelayed"),
    visibilityTimeoutSeconds: count(attributes, "VisibilityTimeout"),
    retentionSeconds: attributes.has("MessageRetentionPeriod")
      ? count(attributes, "MessageRetentionPeriod")
      : longestRetentionSeconds,
    fifo: attributes.get("FifoQueue") === "true",
    ...redrivePolicy(attributes.get("RedrivePolicy")),
  };
}

/** The policy is JSON; AWS writes its count as a number or as a string, as it was set. */
function redrivePolicy(text: string | undefined): Pick<QueueAttributes, "maxReceiveCount" | "deadLetterArn"> {
  if (text === undefined || text === "") return {};
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    throw unusable("RedrivePolicy");
  }
  if (typeof policy !== "object" || policy === null) throw unusable("RedrivePolicy");
  const { maxReceiveCount: limit, deadLetterTargetArn } = policy as Readonly<Record<string, unknown>>;
  const maxReceiveCount = Number(limit);
  if (!(maxReceiveCount >= 1) || typeof deadLetterTargetArn !== "string") throw unusable("RedrivePolicy");
  return { maxReceiveCount, deadLetterArn: deadLetterTargetArn };
}

function count(attributes: ReadonlyMap<string, string>, name: string): number {
  const text = attributes.get(name) ?? "";
  if (!/^[0-9]{1,15}$/.test(text)) throw unusable(name);
  return Number(text);
}

function unusable(name: string): EtlError {
  return new EtlError({
    kind: "protocol",
    operation: "attributes",
    message: `the queue's attribute ${name} is missing or cannot be read`,
    hint: "check that the queue URL leads to SQS, ElasticMQ or LocalStack",
    // An answer may be damaged on its way, and the next one whole.
    retryable: true,
  });
}
