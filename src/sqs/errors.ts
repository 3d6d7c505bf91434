/** Turns an error that SQS answered into one that a person can act on: its code and status, never its text. */

import { EtlError } from "../errors.ts";
import {
  clockDiffers,
  denied,
  type Meaning,
  meanings,
  noSuchQueue,
  ofOperation,
  throttled,
} from "./error-meanings.ts";

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

/** Signatures are good for five minutes to either side. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
const clockToleranceMillis = 5 * 60_000;

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
export function isExpiredToken({ code }: ErrorAnswer): boolean {
  return code === "ExpiredToken" || code === "ExpiredTokenException";
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

/** What an answer means. The general ones can be told by identity, so that a service may have its own in their place. */
export function meaningOf(answer: ErrorAnswer): Meaning {
  const { status, code, host, region } = answer;
  const known = code === undefined || !Object.hasOwn(meanings, code) ? undefined : meanings[code];
  if (refusesTime(answer)) return clockMeaning(answer);
  const of = (meaning: Meaning) => ofOperation.get(answer.operation)?.get(meaning) ?? meaning;
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
