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
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

/** Signatures are good for five minutes to either side. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
const clockToleranceMillis = 5 * 60_000;

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

/** Whether new credentials may help, so that the call is worth one more try with them. */
export function isExpiredToken(error: unknown): boolean {
  return (
    error instanceof EtlError && (error.code === "ExpiredToken" || error.code === "ExpiredTokenException")
  );
}

/** The error that an answer is. */
export function answeredError(answer: ErrorAnswer): EtlError {
  const { operation, code } = answer;
  return new EtlError({ operation, code, ...meaningOf(answer) });
}

function meaningOf(answer: ErrorAnswer): Meaning {
  const { status, code, host, region } = answer;
  const known = code === undefined || !Object.hasOwn(meanings, code) ? undefined : meanings[code];
  if (known !== undefined) return known === clockDiffers ? clockMeaning(answer) : known;
  if (code !== undefined && signatureCodes.has(code)) {
    if (Math.abs(answer.clockAheadMillis ?? 0) > clockToleranceMillis) return clockMeaning(answer);
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
  if (status === 401 || status === 403) return denied;
  if (status === 404) return noSuchQueue;
  return {
    kind: "protocol",
    message: `${host} did not answer as SQS does (HTTP ${status}${code === undefined ? "" : `, ${code}`})`,
    hint: "check the queue URL and AWS_ENDPOINT_URL_SQS",
  };
}

function clockMeaning({ clockAheadMillis }: ErrorAnswer): Meaning {
  if (clockAheadMillis === undefined) return clockDiffers;
  const minutes = Math.max(1, Math.round(Math.abs(clockAheadMillis) / 60_000));
  const side = clockAheadMillis > 0 ? "ahead of" : "behind";
  return {
    ...clockDiffers,
    message: `this machine's clock is ${minutes} min ${side} AWS's, which refuses the request`,
  };
}
