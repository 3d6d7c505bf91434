/** What the codes of SQS mean to a person: what is wrong, and what to do about it. */

import type { ErrorKind } from "../errors.ts";

/** What an error comes to for a person. */
export interface Meaning {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

/** How the code of a `ReceiveRequestAttemptId` that SQS no longer takes is read. */
export const attemptOver = "ReceiveRequestAttemptIdIsInvalid";

/** A throttle. */
export const throttled: Meaning = {
  kind: "temporary",
  message: "the queue asks for fewer requests",
  hint: "run it again, with fewer --receivers",
  retryable: true,
};

/** A queue that is not there. */
export const noSuchQueue: Meaning = {
  kind: "config",
  message: "the queue does not exist",
  hint: "check the queue URL: account, region and name",
};

const wrongKey: Meaning = {
  kind: "permission",
  message: "AWS does not know the access key",
  hint: "check which credentials are used: aws sts get-caller-identity",
};

/** A denial. */
export const denied: Meaning = {
  kind: "permission",
  message: "the credentials may not do this with the queue",
  hint: "allow sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes",
};

const tokenExpired: Meaning = {
  kind: "permission",
  message: "the session token has expired",
  hint: "sign in again (aws sso login), or set new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
};

/** A time that is refused. */
export const clockDiffers: Meaning = {
  kind: "config",
  message: "AWS refuses the request's time: this machine's clock differs from the real time",
  hint: "set the clock (timedatectl set-ntp true), then run it again",
};

const keyMayNotDecrypt: Meaning = {
  kind: "permission",
  message: "the credentials may not decrypt the queue's messages",
  hint: "allow kms:Decrypt on the queue's KMS key",
};

const keyUnusable: Meaning = {
  kind: "config",
  message: "the KMS key of the queue cannot be used",
  hint: "check that the key exists and is enabled: aws sqs get-queue-attributes --attribute-names KmsMasterKeyId",
};

/** The operation of calls to the dead-letter queue: what they lack is another queue's. */
export const deadLetterOperation = "send to the dead-letter queue";

/** The operation of the call that asks the dead-letter queue for its attributes. */
export const deadLetterAttributesOperation = "attributes of the dead-letter queue";

/** The operation of calls that send dead letters back to their queue. */
export const returnOperation = "send back to the queue";

const noSuchDeadLetterQueue: Meaning = {
  kind: "config",
  message: "the dead-letter queue does not exist",
  hint: "check --dead-letter-url: account, region and name",
};

const ofDeadLetters: ReadonlyMap<Meaning, Meaning> = new Map([
  [noSuchQueue, noSuchDeadLetterQueue],
  [
    denied,
    {
      kind: "permission",
      message: "the credentials may not send to the dead-letter queue",
      hint: "allow sqs:SendMessage on the dead-letter queue",
    },
  ],
  [
    keyMayNotDecrypt,
    {
      kind: "permission",
      message: "the credentials may not encrypt messages for the dead-letter queue",
      hint: "allow kms:GenerateDataKey and kms:Decrypt on its KMS key",
    },
  ],
]);

const ofDeadLetterAttributes: ReadonlyMap<Meaning, Meaning> = new Map([
  [noSuchQueue, noSuchDeadLetterQueue],
  [
    denied,
    {
      kind: "permission",
      message: "the credentials may not look at the dead-letter queue",
      hint: "allow sqs:GetQueueAttributes and sqs:SendMessage on the dead-letter queue",
    },
  ],
]);

const ofReturns: ReadonlyMap<Meaning, Meaning> = new Map([
  [
    denied,
    {
      kind: "permission",
      message: "the credentials may not send dead letters back to the queue",
      hint: "allow sqs:SendMessage on the queue that they go back to",
    },
  ],
  [
    keyMayNotDecrypt,
    {
      kind: "permission",
      message: "the credentials may not encrypt messages for the queue",
      hint: "allow kms:GenerateDataKey and kms:Decrypt on its KMS key",
    },
  ],
]);

/** What a meaning becomes where the call was one of an operation on another queue, or one that sends. */
export const ofOperation: ReadonlyMap<string, ReadonlyMap<Meaning, Meaning>> = new Map([
  [deadLetterOperation, ofDeadLetters],
  [deadLetterAttributesOperation, ofDeadLetterAttributes],
  [returnOperation, ofReturns],
]);

/**
 * What each code means. SQS gives throttles and limits a 403, so the code comes before the status.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html#API_ReceiveMessage_Errors
 */
export const meanings: Readonly<Record<string, Meaning>> = {
  "AWS.SimpleQueueService.NonExistentQueue": noSuchQueue,
  QueueDoesNotExist: noSuchQueue,
  InvalidAddress: noSuchQueue,

  Throttling: throttled,
  ThrottlingException: throttled,
  ThrottledException: throttled,
  RequestThrottled: throttled,
  RequestThrottledException: throttled,
  RequestLimitExceeded: throttled,
  TooManyRequestsException: throttled,
  SlowDown: throttled,
  KmsThrottled: throttled,
  "KMS.ThrottlingException": throttled,
  OverLimit: {
    kind: "temporary",
    message: "too many messages are in flight (SQS allows 120,000 received and not yet deleted)",
    hint: "run it again after the queue's visibility timeout",
    retryable: true,
  },

  /** SQS gives this one as an `InvalidParameterValue`. It has forgotten the attempt that is tried again. */
  [attemptOver]: {
    kind: "temporary",
    message: "the queue does not take a receive for the repetition that it is",
    hint: "run it again",
    retryable: true,
  },

  InvalidClientTokenId: wrongKey,
  InvalidAccessKeyId: wrongKey,
  UnrecognizedClientException: wrongKey,
  AccessDenied: denied,
  AccessDeniedException: denied,
  AuthFailure: denied,
  NotAuthorized: denied,
  OptInRequired: denied,
  InvalidSecurity: {
    kind: "config",
    message: "the queue takes requests over https only",
    hint: "write https:// in the queue URL",
  },
  ExpiredToken: tokenExpired,
  ExpiredTokenException: tokenExpired,
  RequestExpired: clockDiffers,
  RequestTimeTooSkewed: clockDiffers,
  RequestInTheFuture: clockDiffers,

  "KMS.AccessDeniedException": keyMayNotDecrypt,
  KmsAccessDenied: keyMayNotDecrypt,
  "KMS.DisabledException": keyUnusable,
  "KMS.InvalidStateException": keyUnusable,
  "KMS.InvalidKeyUsageException": keyUnusable,
  "KMS.NotFoundException": keyUnusable,
  "KMS.OptInRequired": keyUnusable,
  KmsDisabled: keyUnusable,
  KmsInvalidState: keyUnusable,
  KmsInvalidKeyUsage: keyUnusable,
  KmsNotFound: keyUnusable,
  KmsOptInRequired: keyUnusable,
};
