/** Turns an error that SQS answered into one that a person can act on: its code and status, never its text. */

import { type ErrorKind, EtlError } from "../errors.ts";

/** An answer that is not a 200. */
export interface ErrorAnswer {
  /** What was being done, such as `receive`. */
  readonly operation: string;
  /** The host that answered. */
  readonly host: string;
  /** The region the request was signed for. */
  readonly region: string;
  readonly status: number;
  /** SQS's own code, where the body held one. */
  readonly code: string | undefined;
  /** This machine's clock less the server's, where the server said what time it is. */
  readonly clockAheadMillis: number | undefined;
  /** The time that the request was signed for less the server's; another than the above where that was corrected. */
  readonly signedAheadMillis: number | undefined;
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

/** Signatures are good for five minutes to either side. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
const clockToleranceMillis = 5 * 60_000;

/** How the code of a `ReceiveRequestAttemptId` that SQS no longer takes is read. */
export const attemptOver = "ReceiveRequestAttemptIdIsInvalid";

const throttled: Meaning = {
  kind: "temporary",
  message: "the queue asks for fewer requests",
  hint: "run it again, with fewer --receivers",
  retryable: true,
};

const noSuchQueue: Meaning = {
  kind: "config",
  message: "the queue does not exist",
  hint: "check the queue URL: account, region and name",
};

const wrongKey: Meaning = {
  kind: "permission",
  message: "AWS does not know the access key",
  hint: "check which credentials are used: aws sts get-caller-identity",
};

const denied: Meaning = {
  kind: "permission",
  message: "the credentials may not do this with the queue",
  hint: "allow sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes",
};

const tokenExpired: Meaning = {
  kind: "permission",
  message: "the session token has expired",
  hint: "sign in again (aws sso login), or set new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
};

const clockDiffers: Meaning = {
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

const ofDeadLetters: ReadonlyMap<Meaning, Meaning> = new Map([
  [
    noSuchQueue,
    {
      kind: "config",
      message: "the dead-letter queue does not exist",
      hint: "check --dead-letter-url: account, region and name",
    },
  ],
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

/**
 * What each code means. SQS gives throttles and limits a 403, so the code comes before the status.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html#API_ReceiveMessage_Errors
 */
const meanings: Readonly<Record<string, Meaning>> = {
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

/** Codes of a signature that does not match what was sent, which a wrong clock brings about too. */
const signatureCodes = new Set([
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
  "IncompleteSignature",
  "MissingAuthenticationToken",
]);

/**
 * Codes of a receipt handle that settles nothing any more: its visibility time-out has passed, or its message is gone.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html#API_ChangeMessageVisibility_Errors
 */
export const staleHandleCodes: ReadonlySet<string> = new Set([
  "ReceiptHandleIsInvalid",
  "MessageNotInflight",
  "AWS.SimpleQueueService.MessageNotInflight",
]);

/** Whether new credentials may help, so that the call is worth one more try with them. */
export function isExpiredToken(error: unknown): boolean {
  return (
    error instanceof EtlError && (error.code === "ExpiredToken" || error.code === "ExpiredTokenException")
  );
}

/** Whether SQS refuses the time that the request was signed for, so that another signature may do. */
export function refusesTime({ code, signedAheadMillis }: ErrorAnswer): boolean {
  if (code === undefined) return false;
  if (Object.hasOwn(meanings, code)) return meanings[code] === clockDiffers;
  return signatureCodes.has(code) && Math.abs(signedAheadMillis ?? 0) > clockToleranceMillis;
}

/** Whether SQS has held a call off, so that it has done nothing of it. */
export function isHeldOff(error: EtlError): boolean {
  const { code, retryable } = error;
  return retryable && code !== undefined && Object.hasOwn(meanings, code);
}

/** The error that an answer is. */
export function answeredError(answer: ErrorAnswer): EtlError {
  const { operation, code } = answer;
  return new EtlError({ operation, code, ...meaningOf(answer) });
}

function meaningOf(answer: ErrorAnswer): Meaning {
  const { status, code, host, region } = answer;
  const known = code === undefined || !Object.hasOwn(meanings, code) ? undefined : meanings[code];
  if (refusesTime(answer)) return clockMeaning(answer);
  const of = (meaning: Meaning) =>
    answer.operation === deadLetterOperation ? (ofDeadLetters.get(meaning) ?? meaning) : meaning;
  if (known !== undefined) return of(known);
  if (code !== undefined && signatureCodes.has(code)) {
    return {
      kind: "permission",
      message: `AWS does not accept the request's signature, made for the region ${region}`,
      hint: "check AWS_SECRET_ACCESS_KEY, and AWS_REGION where the queue URL names no region",
    };
  }
  if (status === 429) return throttled;
  if (status >= 500 || status === 408) {
    return {
      kind: "temporary",
      message: `${host} answered with an error of its own (HTTP ${status})`,
      hint: "run it again; https://health.aws.amazon.com says whether SQS has trouble",
      retryable: true,
    };
  }
  if (status === 407) {
    return {
      kind: "permission",
      message: "the proxy wants a user name and a password",
      hint: "HTTPS_PROXY=http://user:password@host:port",
    };
  }
  if (status === 401 || status === 403) return of(denied);
  if (status === 404) return of(noSuchQueue);
  return {
    kind: "protocol",
    message: `${host} did not answer as SQS does (HTTP ${status}${code === undefined ? "" : `, ${code}`})`,
    hint: "check the queue URL and AWS_ENDPOINT_URL_SQS",
  };
}

function clockMeaning({ clockAheadMillis }: ErrorAnswer): Meaning {
  if (clockAheadMillis === undefined || Math.abs(clockAheadMillis) < 60_000) return clockDiffers;
  const minutes = Math.round(Math.abs(clockAheadMillis) / 60_000);
  const side = clockAheadMillis > 0 ? "ahead of" : "behind";
  return {
    ...clockDiffers,
    message: `this machine's clock is ${minutes} min ${side} AWS's, which refuses the request`,
  };
}
