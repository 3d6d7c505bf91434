/** What SQS's refusals mean to a person: what is wrong with which queue, and what to do about it. */

import type { Service } from "../aws/client.ts";
import { endpointSettings } from "../aws/endpoint.ts";
import {
  config,
  type Meaning,
  passing,
  permission,
  type ServiceErrors,
  throttleCodes,
} from "../aws/errors.ts";
import type { EtlError } from "../errors.ts";

/** SQS, as a client needs it. */
export const sqs: Service = { name: "sqs", refineCode: codeOfParameter };

/** How the code of a `ReceiveRequestAttemptId` that SQS no longer takes is read. */
const attemptOver = "ReceiveRequestAttemptIdIsInvalid";

/**
 * `InvalidParameterValue` is told apart by the parameter that the text names: a receipt handle that has expired reads
 * as `ReceiptHandleIsInvalid`, and a receive that cannot be repeated as `ReceiveRequestAttemptIdIsInvalid`.
 */
function codeOfParameter(code: string, text: string): string | undefined {
  if (code !== "InvalidParameterValue") return undefined;
  const [, parameter] = /for parameter (ReceiptHandle|ReceiveRequestAttemptId) is invalid/.exec(text) ?? [];
  return parameter && `${parameter}IsInvalid`;
}

/**
 * Codes of a receipt handle that settles nothing any more: its visibility timeout has passed, or its message is gone.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html#API_ChangeMessageVisibility_Errors
 */
export const staleHandleCodes: ReadonlySet<string> = new Set([
  "ReceiptHandleIsInvalid",
  "MessageNotInflight",
  "AWS.SimpleQueueService.MessageNotInflight",
]);

/** Whether SQS has held a call off, so that it has done nothing of it. */
export function isHeldOff({ code = "" }: EtlError): boolean {
  return throttleCodes.has(code) || code === "OverLimit" || code === attemptOver;
}

/** What to do if something else answers than a queue. */
export const leadsElsewhere =
  "check that the queue URL leads to SQS, ElasticMQ or LocalStack, not to a web page or a proxy";

const inFlight = "too many messages are in flight (SQS allows 120,000 received and not yet deleted)";
const keyUnusable = config(
  "the KMS key of the queue cannot be used",
  "check that the key exists and is enabled: aws sqs get-queue-attributes --attribute-names KmsMasterKeyId",
);

const ofAnyQueue: readonly (readonly [code: string, Meaning])[] = [
  ["OverLimit", passing(inFlight, "run it again after the queue's visibility timeout")],
  // SQS has forgotten the attempt that is tried again.
  [attemptOver, passing("SQS rejected the receive request attempt ID", "run it again")],
  ["InvalidSecurity", config("the queue takes requests over https only", "write https:// in the queue URL")],
  ["KMS.OptInRequired", keyUnusable],
  ["KmsOptInRequired", keyUnusable],
  ...["Disabled", "InvalidState", "InvalidKeyUsage", "NotFound"].flatMap(
    (word) =>
      [
        [`KMS.${word}Exception`, keyUnusable],
        [`Kms${word}`, keyUnusable],
      ] as const,
  ),
];

/**
 * What the refusals of one queue mean.
 *
 * @param mayNotUseKey what KMS's denial means
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html#API_ReceiveMessage_Errors
 */
function errorsOf(denied: Meaning, missing: Meaning, mayNotUseKey: Meaning): ServiceErrors {
  const codes = new Map([
    ...ofAnyQueue,
    ["KMS.AccessDeniedException", mayNotUseKey],
    ["KmsAccessDenied", mayNotUseKey],
  ]);
  for (const code of ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"]) {
    codes.set(code, missing);
  }
  const throttled = passing("the queue asks for fewer requests", "run it again, with fewer --receivers");
  const unreadable = { message: "the queue's answer is not what SQS answers", hint: leadsElsewhere };
  const settings = ["the queue URL", "AWS_ENDPOINT_URL_SQS"];
  return { name: "SQS", settings, denied, throttled, missing, codes, unreadable };
}

const noSuchQueue = config("the queue does not exist", "check the queue URL: account, region and name");
const mayNotDecrypt = permission(
  "the credentials may not decrypt the queue's messages",
  "allow kms:Decrypt on the queue's KMS key",
);
const allowEncryption = "allow kms:GenerateDataKey and kms:Decrypt on its KMS key";
const noSuchDeadLetterQueue = config(
  "the dead-letter queue does not exist",
  "check --dead-letter-url: account, region and name",
);

/** Of the queue that is drained. */
export const queueErrors = errorsOf(
  permission(
    "the credentials may not do this with the queue",
    "allow sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes",
  ),
  noSuchQueue,
  mayNotDecrypt,
);

/** Of the queue that rejected messages are sent to. */
export const deadLetterErrors = errorsOf(
  permission(
    "the credentials may not send to the dead-letter queue",
    "allow sqs:SendMessage on the dead-letter queue",
  ),
  noSuchDeadLetterQueue,
  permission("the credentials may not encrypt messages for the dead-letter queue", allowEncryption),
);

/** Of the dead-letter queue when it is asked for its attributes. */
export const deadLetterAttributesErrors = errorsOf(
  permission(
    "the credentials may not look at the dead-letter queue",
    "allow sqs:GetQueueAttributes and sqs:SendMessage on the dead-letter queue",
  ),
  noSuchDeadLetterQueue,
  mayNotDecrypt,
);

/** Of the queue that dead letters are sent back to. */
export const returnErrors = errorsOf(
  permission(
    "the credentials may not send dead letters back to the queue",
    "allow sqs:SendMessage on the queue that they go back to",
  ),
  noSuchQueue,
  permission("the credentials may not encrypt messages for the queue", allowEncryption),
);

/** Of an account that is asked for its queues. */
export const listErrors: ServiceErrors = {
  name: "SQS",
  settings: endpointSettings("sqs"),
  denied: permission(
    "the credentials may not list the account's queues",
    "allow sqs:ListQueues, or name the queue: --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
  ),
};
