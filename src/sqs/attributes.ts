/** What a queue says of itself, from the words of SQS to the drain's own. */

import { EtlError } from "../errors.ts";
import type { QueueAttributes } from "../polling/ports.ts";
import { leadsElsewhere } from "./errors.ts";
import { getQueueAttributes } from "./query.ts";
import type { QueueCall, QueueClient } from "./queue-client.ts";
import { jsonMembers, readAttributes } from "./response.ts";

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
 * @param call names the call in errors. @defaultValue as one to the queue that is drained
 * @throws EtlError once retries are exhausted or if there is no use in any
 */
export function askAttributes(
  queue: QueueClient,
  call: Pick<QueueCall<QueueAttributes>, "operation" | "errors"> = { operation: "attributes" },
): Promise<QueueAttributes> {
  const read = (text: string) => toQueueAttributes(readAttributes(text));
  return queue.call({ ...call, query: getQueueAttributes, read });
}

/**
 * Reads the attributes that `GetQueueAttributes` answers.
 *
 * @throws EtlError of kind protocol, retryable, if one that every queue has is missing or of another form
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
  const { maxReceiveCount: limit, deadLetterTargetArn: deadLetterArn } = jsonMembers(text) ?? {};
  const maxReceiveCount = Number(limit);
  if (!(maxReceiveCount >= 1) || typeof deadLetterArn !== "string") throw unusable("RedrivePolicy");
  return { maxReceiveCount, deadLetterArn };
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
    resource: name,
    hint: leadsElsewhere,
    // An answer may be damaged on its way, and the next one whole.
    retryable: true,
  });
}

/** How a queue stores its messages. */
type StoredEncryption =
  | { readonly by: "nobody" }
  /** A key that SQS keeps. */
  | { readonly by: "sqs" }
  /** A key of KMS: its id, its ARN, or an alias. */
  | { readonly by: "kms"; readonly key: string };

/** A queue's attributes, and what they say of its set-up. */
export interface QueueDescription extends QueueAttributes {
  /** Absent if the server does not say. */
  readonly encryption?: StoredEncryption | undefined;
  /** Which queues may name this one in their redrive policies: a list of ARNs if only those may. */
  readonly redriveAllow: "all" | "none" | readonly string[];
}

/** A key's id, its ARN or an alias: what goes into a policy and onto a terminal. */
const keyForm = /^[A-Za-z0-9:/_-]{1,2048}$/;

/**
 * Reads the attributes that `GetQueueAttributes` answers.
 *
 * @throws EtlError of kind protocol, retryable, as {@link toQueueAttributes}
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
export function toQueueDescription(attributes: ReadonlyMap<string, string>): QueueDescription {
  return {
    ...toQueueAttributes(attributes),
    encryption: encryptionOf(attributes),
    redriveAllow: redriveAllowOf(attributes.get("RedriveAllowPolicy")),
  };
}

function encryptionOf(attributes: ReadonlyMap<string, string>): StoredEncryption | undefined {
  const key = attributes.get("KmsMasterKeyId");
  if (key) return { by: "kms", key: keyForm.test(key) ? key : "(unreadable)" };
  const managed = attributes.get("SqsManagedSseEnabled");
  if (managed === "true") return { by: "sqs" };
  return managed === "false" ? { by: "nobody" } : undefined;
}

/** What cannot be read is taken for the default, as SQS itself then has another idea of it than we. */
function redriveAllowOf(text: string | undefined): QueueDescription["redriveAllow"] {
  const { redrivePermission, sourceQueueArns } = jsonMembers(text ?? "") ?? {};
  if (redrivePermission === "denyAll") return "none";
  if (redrivePermission !== "byQueue" || !Array.isArray(sourceQueueArns)) return "all";
  return sourceQueueArns.filter((arn) => typeof arn === "string");
}
