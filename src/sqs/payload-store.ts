/** Reads from S3 what a message points to: its content, or why it can never be had. */

import { EtlError } from "../errors.ts";
import type { PayloadFault } from "../message/message.ts";
import type { Meaning } from "./error-meanings.ts";
import { objectUrl, type PayloadPointer } from "./payload-pointer.ts";
import { ServiceClient, type ServiceParts } from "./service-client.ts";
import { environmentEndpoint, resolveServiceEndpoint, type ServiceEndpoint } from "./service-endpoint.ts";
import { serviceError } from "./service-errors.ts";
import type { Refusal } from "./signed-sender.ts";

/** What a pointer comes to. */
export type Payload = { readonly text: string; readonly bytes: number } | { readonly fault: PayloadFault };

/** The longest payload. A body that SQS itself holds is at most a sixteenth of it. */
export const longestPayloadBytes = 16 * 1024 * 1024;

/** How many buckets are remembered. A queue has one, and messages may name any. */
const mostBuckets = 1000;

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const denied: Meaning = {
  kind: "permission",
  message: "the credentials may not read the payload that a message has in S3",
  hint: "allow s3:GetObject on the objects of the payloads' bucket, and kms:Decrypt on the key it is encrypted with",
};

const keyUnusable: Meaning = {
  kind: "config",
  message: "the KMS key of a payload in S3 cannot be used",
  hint: "check that the key of the payloads' bucket exists and is enabled",
};

/**
 * Codes that speak of one object: it is not there, was moved to an archive, is encrypted with a key of its sender's
 * own, or has a name that no object has. Whoever may send messages could end a run with them otherwise.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const missing: ReadonlySet<string> = new Set([
  "NoSuchKey",
  "NoSuchBucket",
  "InvalidBucketName",
  "InvalidObjectState",
  "InvalidRequest",
  "InvalidURI",
  "KeyTooLongError",
  "AllAccessDisabled",
]);

/** The bucket is in another region, as far as is told. */
interface Elsewhere {
  readonly region: string;
}

/** The payloads of one queue's messages. Nothing is ever written or deleted there. */
export class PayloadStore {
  readonly #client: ServiceClient;
  readonly #endpoint: ServiceEndpoint;
  /** Regions of buckets that are not in the queue's. */
  readonly #regions = new Map<string, string>();
  /** Buckets that a payload has been read from. */
  readonly #readable = new Set<string>();

  /**
   * @param region the queue's
   * @throws EtlError of kind config for an endpoint, a region, a key or a CA bundle that cannot be used
   */
  constructor(region: string, parts: ServiceParts) {
    this.#client = new ServiceClient("s3", region, parts);
    this.#endpoint = resolveServiceEndpoint("s3", region, environmentEndpoint("s3", parts.env));
  }

  /**
   * Reads one payload.
   *
   * S3 denies also what is not there, where the credentials may not list the bucket. So a denial is taken for a
   * missing object in a bucket that another payload has been read from, and for a missing permission elsewhere.
   *
   * @throws EtlError once retries are exhausted or where there is no use in any; the signal's reason where it is aborted
   */
  async get(pointer: PayloadPointer, signal: AbortSignal): Promise<Payload> {
    const { bucket } = pointer;
    const first = await this.#getFrom(pointer, this.#regions.get(bucket) ?? this.#endpoint.region, signal);
    if (!("region" in first)) return first;
    if (this.#regions.size >= mostBuckets) this.#regions.clear();
    this.#regions.set(bucket, first.region);
    const second = await this.#getFrom(pointer, first.region, signal);
    if (!("region" in second)) return second;
    throw new EtlError({
      kind: "temporary",
      operation,
      message: "S3 sends the request for a payload from region to region",
      hint: "run it again: the bucket may have been made anew",
      retryable: true,
    });
  }

  async #getFrom(pointer: PayloadPointer, region: string, signal: AbortSignal): Promise<Payload | Elsewhere> {
    const { standIn } = this.#endpoint;
    const { href, host } = standIn ? this.#endpoint : resolveServiceEndpoint("s3", region, undefined);
    const url = objectUrl(pointer, href, standIn);
    if (url === undefined) return { fault: "payload_missing" };
    return this.#client.call({
      operation,
      region,
      host,
      request: { method: "GET", url, headers: { "x-amz-content-sha256": emptyHash } },
      mostBytes: longestPayloadBytes,
      signal,
      take: (answer) => answer.bytes(),
      read: (body): Payload | Elsewhere => {
        if (this.#readable.size < mostBuckets) this.#readable.add(pointer.bucket);
        return body === undefined ? { fault: "payload_too_large" } : decoded(body);
      },
      refused: (refusal) => this.#refused(refusal, pointer.bucket),
    });
  }

  #refused(refusal: Refusal, bucket: string): Payload | Elsewhere {
    const { code = "", status, region, bucketRegion } = refusal;
    // A request for another region is redirected (301, 307) or, where it cannot be understood there, refused (400).
    const misled = status === 301 || status === 307 || status === 400;
    if (misled && bucketRegion !== undefined && bucketRegion !== region && regionName.test(bucketRegion))
      return { region: bucketRegion };
    if (missing.has(code)) return { fault: "payload_missing" };
    if (code === "AccessDenied" && this.#readable.has(bucket)) return { fault: "payload_missing" };
    if (code.startsWith("KMS.")) throw new EtlError({ operation, code, ...keyUnusable });
    throw serviceError("s3", refusal, denied);
  }
}

const operation = "read payload";

const regionName = /^[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}$/;

/** A byte order mark stays, as it does in a body. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoded(body: Uint8Array): Payload {
  try {
    return { text: decoder.decode(body), bytes: body.byteLength };
  } catch {
    return { fault: "payload_not_text" };
  }
}
