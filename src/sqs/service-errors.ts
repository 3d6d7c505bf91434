/** Turns an error that S3, STS or SQS answered, away from any queue, into one that a person can act on. */

import { EtlError } from "../errors.ts";
import { denied, type Meaning, noSuchQueue, throttled } from "./error-meanings.ts";
import { type ErrorAnswer, meaningOf } from "./errors.ts";
import { readErrorCode } from "./response.ts";
import { type ServiceName, variableOf } from "./service-endpoint.ts";
import { XmlReader } from "./xml.ts";

/** What the body of an error says. */
export interface ServiceErrorBody {
  readonly code: string | undefined;
  /** The region that S3 says the bucket is in, as it stands there. */
  readonly region: string | undefined;
}

/** Reads the body of an error: `ErrorResponse` of SQS and STS, `Error` of S3 alone. Never throws. */
export function readServiceError(service: ServiceName, text: string): ServiceErrorBody {
  let code: string | undefined;
  let region: string | undefined;
  try {
    const reader = new XmlReader(text);
    if (service !== "s3" || reader.root() !== "Error") return { code: readErrorCode(text), region };
    for (let part = reader.child(); part !== undefined; part = reader.child()) {
      if (part === "Code") code = /^[A-Za-z0-9._]{1,100}$/.exec(reader.text().trim())?.[0];
      else if (part === "Region") region = reader.text().trim();
      else reader.skip();
    }
  } catch {
    // What was read before the place where it is not XML still counts.
  }
  return { code, region };
}

/**
 * The error that the answer of a service is.
 *
 * @param refusal what a denial means there
 */
export function serviceError(service: ServiceName, answer: ErrorAnswer, refusal: Meaning): EtlError {
  const { operation, host, status, code } = answer;
  const error = (own: Meaning) => new EtlError({ operation, code, ...own });
  const name = service.toUpperCase();
  const meaning = meaningOf(answer);
  if (meaning === denied) return error(refusal);
  if (meaning === throttled)
    return error({ ...throttled, message: `${name} asks for fewer requests`, hint: "run it again" });
  if (meaning === noSuchQueue || meaning.kind === "protocol") {
    const message = `${host} did not answer as ${name} does (HTTP ${status}${code ? `, ${code}` : ""})`;
    return notAs(service, operation, message, code);
  }
  if (meaning.retryable && status >= 500)
    return error({ ...meaning, hint: "run it again; https://health.aws.amazon.com" });
  return error(meaning);
}

/**
 * Reads an answer that should be the service's, so that its faults are told as such.
 *
 * @throws EtlError of kind protocol, retryable
 */
export function readAs<T>(service: ServiceName, operation: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof EtlError)) throw cause;
    throw notAs(
      service,
      operation,
      `the answer is not what ${service.toUpperCase()} answers`,
      undefined,
      true,
    );
  }
}

function notAs(
  service: ServiceName,
  operation: string,
  message: string,
  code: string | undefined,
  retryable = false,
): EtlError {
  const hint = `check ${variableOf(service)} and AWS_ENDPOINT_URL`;
  return new EtlError({ kind: "protocol", operation, message, hint, code, retryable });
}
