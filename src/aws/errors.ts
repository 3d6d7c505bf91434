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
  /** What an answer is that cannot be read, and what to do. @defaultValue check the settings */
  readonly unreadable?: { readonly message: string; readonly hint: string };
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
  const { name, denied, missing } = errors;
  if (refusesTime(refusal)) return clockMeaning(refusal);
  const own = errors.codes?.get(code);
  if (own !== undefined) return own;
  const throttled = errors.throttled ?? passing(`${name} asks for fewer requests`, "run it again");
  if (throttleCodes.has(code)) return throttled;
  if (denialCodes.has(code)) return denied;
  if (unknownKeyCodes.has(code)) return unknownKey;
  if (expiredTokenCodes.has(code)) return expiredToken;
  if (signatureCodes.has(code)) {
    const message = `AWS does not accept the request's signature, made for the region ${region}`;
    return permission(
      message,
      "check AWS_SECRET_ACCESS_KEY, and AWS_REGION if the queue URL names no region",
    );
  }
  if (status === 429) return throttled;
  if (status >= 500 || status === 408) {
    const message = `${host} answered with an error of its own (HTTP ${status})`;
    return passing(message, `run it again; https://health.aws.amazon.com says whether ${name} has trouble`);
  }
  if (status === 407) return proxyWantsPassword;
  if (status === 401 || status === 403) return denied;
  if (status === 404 && missing !== undefined) return missing;
  const message = `${host} did not answer as ${name} does (HTTP ${status}${code && `, ${code}`})`;
  return { kind: "protocol", message, hint: `check ${errors.settings.join(" and ")}` };
}

/** A lack of permission. */
export const permission = (message: string, hint: string): Meaning => ({ kind: "permission", message, hint });

/** A wrong setting. */
export const config = (message: string, hint: string): Meaning => ({ kind: "config", message, hint });

/** What may pass, so that the call is tried again. */
export function passing(message: string, hint: string): Meaning {
  return { kind: "temporary", message, hint, retryable: true };
}

const unknownKey = permission(
  "AWS does not know the access key",
  "check which credentials are used: aws sts get-caller-identity",
);
const expiredToken = permission(
  "the session token has expired",
  "sign in again (aws sso login), or set new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
);
const proxyWantsPassword = permission(
  "the proxy wants a user name and a password",
  "HTTPS_PROXY=http://user:password@host:port",
);

function clockMeaning({ clockAheadMillis = 0 }: Refusal): Meaning {
  const minutes = Math.round(Math.abs(clockAheadMillis) / 60_000);
  const side = clockAheadMillis > 0 ? "ahead of" : "behind";
  const message =
    Math.abs(clockAheadMillis) < 60_000
      ? "AWS refuses the request's time: this machine's clock differs from the real time"
      : `this machine's clock is ${minutes} min ${side} AWS's, which refuses the request`;
  return config(message, "set the clock (timedatectl set-ntp true), then run it again");
}

/** The error of a 200 that is not the service's, as far as can be told. */
export function answerError(
  { operation, resource }: CallSubject,
  { settings, unreadable }: ServiceErrors,
  what: Pick<Meaning, "message" | "retryable">,
): EtlError {
  const hint = unreadable?.hint ?? `check ${settings.join(" and ")}`;
  return new EtlError({ kind: "protocol", operation, resource, hint, ...what });
}
