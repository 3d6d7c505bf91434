/** What a queue says of itself beyond what a drain asks: how it stores messages, and who may redrive into it. */

import type { QueueAttributes } from "../polling/ports.ts";
import { toQueueAttributes } from "./attributes.ts";

/** How a queue stores its messages. */
type StoredEncryption =
  | { readonly by: "nobody" }
  /** A key that SQS keeps. */
  | { readonly by: "sqs" }
  /** A key of KMS: its id, its ARN, or an alias. */
  | { readonly by: "kms"; readonly key: string };

/** A queue's attributes, and what they say of its set-up. */
export interface QueueDescription extends QueueAttributes {
  /** Absent where the server does not say. */
  readonly encryption?: StoredEncryption | undefined;
  /** Which queues may name this one in their redrive policies: a list of ARNs where only those may. */
  readonly redriveAllow: "all" | "none" | readonly string[];
}

/** A key's id, its ARN or an alias: what goes into a policy and onto a terminal. */
const keyForm = /^[A-Za-z0-9:/_-]{1,2048}$/;

/**
 * Reads the attributes that `GetQueueAttributes` answers.
 *
 * @throws EtlError of kind protocol, retryable, where one that every queue has is missing or of another form
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
  switch (attributes.get("SqsManagedSseEnabled")) {
    case "true":
      return { by: "sqs" };
    case "false":
      return { by: "nobody" };
    default:
      return undefined;
  }
}

/** What cannot be read is taken for the default, as SQS itself then has another idea of it than we. */
function redriveAllowOf(text: string | undefined): QueueDescription["redriveAllow"] {
  let policy: { readonly redrivePermission?: unknown; readonly sourceQueueArns?: unknown } | null;
  try {
    policy = JSON.parse(text ?? "null");
  } catch {
    return "all";
  }
  if (policy?.redrivePermission === "denyAll") return "none";
  if (policy?.redrivePermission !== "byQueue" || !Array.isArray(policy.sourceQueueArns)) return "all";
  return policy.sourceQueueArns.filter((arn) => typeof arn === "string");
}
