/** Turns an answer that is not a 200 into an error that a person can act on: its code and status, never its text. */

import { EtlError, type EtlErrorParts } from "../errors.ts";

/** What an error comes to for a person. */
export type Meaning = Pick<EtlErrorParts, "kind" | "message" | "hint" | "retryable">;

/** What a call is about, as its errors name it. */
export interface CallSubject {
  /** What is done, such as `receive`. */
  readonly operation: string;
  /** The queue's name, or the host if the call is about no queue. */
  readonly resource: string;
  /** Host and port that the request goes to; not a host that is made of what a message holds. */
  readonly host: string;
}

/** An answer that is not a 200. */
export interface Refusal extends CallSubject {
  /** The region the request was signed for. */
  readonly region: string;
  readonly status: number;
  /** The service's own code, if the body held one. */
  readonly code: string | undefined;
  /** The region that S3 says the bucket is in, as it stands there. */
  readonly bucketRegion?: string | undefined;
  /** This machine's clock less the server's, if the server said what time it is. */
  readonly clockAheadMillis: number | undefined;
  /** The time that the request was signed for less the server's; another than the above once that is corrected. */
  readonly signedAheadMillis: number | undefined;
}

/** What differs from service to service, and from call to call, in what errors say. */
export interface ServiceErrors {
  /** Such as `SQS`. */
  readonly name: string;
  /** What leads to the service, as a person sets it. */
  readonly settings: readonly string[];
  readonly denied: Meaning;
  /** @defaultValue a general one */
  readonly throttled?: Meaning;
  /** Of a 404 without a code. @defaultValue that another server answers than the service */
  readonly missing?: Meaning;
  /** By codes that the service alone has. */
  readonly codes?: ReadonlyMap<string, Meaning>;
  /** What to do about an answer that cannot be read. @defaultValue check the settings */
  readonly unreadableHint?: string;
}

/** Signatures are good for five minutes to either side. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
const clockToleranceMillis = 5 * 60_000;

/** Codes of a signature that does not match what was sent, which a wrong clock brings about too. */
const signatureCodes = new Set([
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
  "IncompleteSignature",
  "MissingAuthenticationToken",
]);

const clockCodes = new Set(["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"]);
const expiredTokenCodes = new Set(["ExpiredToken", "ExpiredTokenException"]);
const unknownKeyCodes = new Set([
  "InvalidClientTokenId",
  "InvalidAccessKeyId",
  "UnrecognizedClientException",
]);

const denialCodes = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "AuthFailure",
  "NotAuthorized",
  "OptInRequired",
]);

/**
 * Codes that ask for fewer requests. SQS gives them a 403, so the code comes before the status.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 */
export const throttleCodes: ReadonlySet<string> = new Set([
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestThrottled",
  "RequestThrottledException",
  "RequestLimitExceeded",
  "TooManyRequestsException",
  "SlowDown",
  "KmsThrottled",
  "KMS.ThrottlingException",
]);

/** Whether new credentials may help, so that the call is worth one more try with them. */
export function isExpiredToken({ code = "" }: Refusal): boolean {
  return expiredTokenCodes.has(code);
}

/** Whether AWS refuses the time that the request was signed for, so that another signature may do. */
export function refusesTime({ code = "", signedAheadMillis = 0 }: Refusal): boolean {
  if (clockCodes.has(code)) return true;
  return signatureCodes.has(code) && Math.abs(signedAheadMillis) > clockToleranceMillis;
}

/** The error that an answer is. */
export function answeredError(refusal: Refusal, errors: ServiceErrors): EtlError {
  const { operation, resource, code } = refusal;
  return new EtlError({ operation, resource, code, ...meaningOf(refusal, errors) });
}

/** What an answer means; the service's own meanings can be told by identity. */
export function meaningOf(refusal: Refusal, errors: ServiceErrors): Meaning {
  const { status, code = "", host, region } = refusal;
  const { name, settings, denied } = errors;
  if (refusesTime(refusal)) return clockMeaning(refusal);
  const own = errors.codes?.get(code);
  if (own !== undefined) return own;
  if (throttleCodes.has(code)) return throttledMeaning(errors);
  if (denialCodes.has(code)) return denied;
  if (unknownKeyCodes.has(code)) {
    return {
      kind: "permission",
      message: "AWS does not know the access key",
      hint: "check which credentials are used: aws sts get-caller-identity",
    };
  }
  if (expiredTokenCodes.has(code)) {
    return {
      kind: "permission",
      message: "the session token has expired",
      hint: "sign in again (aws sso login), or set new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    };
  }
  if (signatureCodes.has(code)) {
    return {
      kind: "permission",
      message: `AWS does not accept the request's signature, made for the region ${region}`,
      hint: "check AWS_SECRET_ACCESS_KEY, and AWS_REGION if the queue URL names no region",
    };
  }
  if (status === 429) return throttledMeaning(errors);
  if (status >= 500 || status === 408) {
    return {
      kind: "temporary",
      message: `${host} answered with an error of its own (HTTP ${status})`,
      hint: `run it again; https://health.aws.amazon.com says whether ${name} has trouble`,
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
  if (status === 404 && errors.missing !== undefined) return errors.missing;
  return {
    kind: "protocol",
    message: `${host} did not answer as ${name} does (HTTP ${status}${code && `, ${code}`})`,
    hint: `check ${settings.join(" and ")}`,
  };
}

/** The error of a 200 that cannot be read; another answer may be whole. */
export function unreadableError(
  { operation, resource }: CallSubject,
  { name, settings, unreadableHint }: ServiceErrors,
): EtlError {
  const message = `the answer is not what ${name} answers`;
  const hint = unreadableHint ?? `check ${settings.join(" and ")}`;
  return new EtlError({ kind: "protocol", operation, resource, message, hint, retryable: true });
}

function throttledMeaning({ name, throttled }: ServiceErrors): Meaning {
  const message = `${name} asks for fewer requests`;
  return throttled ?? { kind: "temporary", message, hint: "run it again", retryable: true };
}

function clockMeaning({ clockAheadMillis = 0 }: Refusal): Meaning {
  const hint = "set the clock (timedatectl set-ntp true), then run it again";
  const minutes = Math.round(Math.abs(clockAheadMillis) / 60_000);
  const side = clockAheadMillis > 0 ? "ahead of" : "behind";
  const message =
    Math.abs(clockAheadMillis) < 60_000
      ? "AWS refuses the request's time: this machine's clock differs from the real time"
      : `this machine's clock is ${minutes} min ${side} AWS's, which refuses the request`;
  return { kind: "config", message, hint };
}
