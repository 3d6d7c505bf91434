/** Reads from S3 what a message points to: its content, or why it can never be had. */

import { type ClientParts, type Service, ServiceClient } from "../aws/client.ts";
import {
  endpointSettings,
  environmentEndpoint,
  resolveServiceEndpoint,
  type ServiceEndpoint,
} from "../aws/endpoint.ts";
import {
  answeredError,
  config,
  passing,
  permission,
  type Refusal,
  type ServiceErrors,
} from "../aws/errors.ts";
import { EtlError } from "../errors.ts";
import type { PayloadFault } from "../message/message.ts";

/** What a pointer comes to. */
export type Payload = { readonly text: string; readonly bytes: number } | { readonly fault: PayloadFault };

/** The longest payload. A body that SQS itself holds is at most a sixteenth of it. */
export const longestPayloadBytes = 16 * 1024 * 1024;

/** How many buckets are remembered. A queue has one, and messages may name any. */
const mostBuckets = 1000;

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** What is stored compressed comes as it is stored: its length is the one that is stated, and bounded. */
const s3: Service = { name: "s3", init: { decompress: false } };

const errors: ServiceErrors = {
  name: "S3",
  settings: endpointSettings("s3"),
  denied: permission(
    "the credentials may not read the payload that a message has in S3",
    "allow s3:GetObject on the objects of the payloads' bucket, and kms:Decrypt on the key it is encrypted with",
  ),
};

const keyUnusable = config(
  "the KMS key of a payload in S3 cannot be used",
  "check that the key of the payloads' bucket exists and is enabled",
);

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
  constructor(region: string, parts: ClientParts) {
    this.#client = new ServiceClient(s3, region, parts);
    this.#endpoint = resolveServiceEndpoint("s3", region, environmentEndpoint("s3", parts.env));
  }

  /**
   * Reads one payload.
   *
   * S3 denies also what is not there, if the credentials may not list the bucket. So a denial is taken for a
   * missing object in a bucket that another payload has been read from, and for a missing permission elsewhere.
   *
   * @throws EtlError once retries are exhausted or if there is no use in any; the signal's reason if it is aborted
   */
  async get(pointer: PayloadPointer, signal: AbortSignal): Promise<Payload> {
    const { bucket } = pointer;
    for (let tries = 0; tries < 2; tries += 1) {
      const region = this.#regions.get(bucket) ?? this.#endpoint.region;
      const found = await this.#getFrom(pointer, region, signal);
      if (!("region" in found)) return found;
      if (this.#regions.size >= mostBuckets) this.#regions.clear();
      this.#regions.set(bucket, found.region);
    }
    throw new EtlError({
      operation,
      resource: this.#endpoint.host,
      ...passing(
        "S3 sends the request for a payload from region to region",
        "run it again: the bucket may have been made anew",
      ),
    });
  }

  async #getFrom(pointer: PayloadPointer, region: string, signal: AbortSignal): Promise<Payload | Elsewhere> {
    const { standIn } = this.#endpoint;
    const { href, host } = standIn ? this.#endpoint : resolveServiceEndpoint("s3", region, undefined);
    const url = objectUrl(pointer, href, standIn);
    if (url === undefined) return { fault: "payload_missing" };
    return this.#client.call({
      operation,
      // Not the bucket: whoever may send messages names it.
      resource: host,
      errors,
      region,
      host,
      request: () => ({ method: "GET", url, headers: { "x-amz-content-sha256": emptyHash } }),
      mostBytes: longestPayloadBytes,
      signal,
      take: (answer) => answer.bytes(),
      read: (body): Payload | Elsewhere => this.#read(pointer.bucket, decoded(body)),
      tooLong: () => this.#read(pointer.bucket, { fault: "payload_too_large" }),
      refused: (refusal) => this.#refused(refusal, pointer.bucket),
    });
  }

  #read(bucket: string, payload: Payload): Payload {
    if (this.#readable.size < mostBuckets) this.#readable.add(bucket);
    return payload;
  }

  #refused(refusal: Refusal, bucket: string): Payload | Elsewhere {
    const { code = "", resource, status, region, bucketRegion } = refusal;
    // A request for another region is redirected (301, 307) or, if it cannot be understood there, refused (400).
    const misled = status === 301 || status === 307 || status === 400;
    if (misled && bucketRegion !== undefined && bucketRegion !== region && regionName.test(bucketRegion))
      return { region: bucketRegion };
    if (missing.has(code)) return { fault: "payload_missing" };
    if (code === "AccessDenied" && this.#readable.has(bucket)) return { fault: "payload_missing" };
    if (code.startsWith("KMS.")) throw new EtlError({ operation, code, resource, ...keyUnusable });
    throw answeredError(refusal, errors);
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

/** An object of S3, as a message names it: not to be trusted. */
export interface PayloadPointer {
  readonly bucket: string;
  readonly key: string;
}

/** The class that the Amazon SQS Extended Client Library writes, and the one it wrote before its version 1.1. */
const pointer =
  /^\s*\[\s*"(?:software\.amazon\.payloadoffloading\.PayloadS3Pointer|com\.amazon\.sqs\.javamessaging\.MessageS3Pointer)"/;

/** A key takes 1,024 bytes, and 6 characters a byte if it is escaped. */
const longestPointer = 16 * 1024;

/**
 * The pointer that the body is; undefined if it is none.
 *
 * @see https://github.com/awslabs/payload-offloading-java-common-lib-for-aws
 */
export function readPointer(body: string): PayloadPointer | undefined {
  if (body.length > longestPointer || !pointer.test(body)) return undefined;
  let parts: unknown;
  try {
    parts = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.length !== 2) return undefined;
  const object: unknown = parts[1];
  if (typeof object !== "object" || object === null || Array.isArray(object)) return undefined;
  const { s3BucketName: bucket, s3Key: key } = object as Readonly<Record<string, unknown>>;
  return typeof bucket === "string" && typeof key === "string" ? { bucket, key } : undefined;
}

/** Letters, digits, hyphens and dots: nothing that ends a host's name or a segment of a path. */
const bucketName = /^[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]$/;
const addressLike = /^[0-9]+(?:\.[0-9]+){3}$/;
const mostKeyBytes = 1024;

/**
 * Where the object is read.
 *
 * A bucket stands in front of S3's host; in the path if an endpoint stands for S3, if dots would make the
 * host another than the certificate is for, and if the key begins with a slash, which `fetch` would take for a
 * doubled one.
 *
 * @param origin of S3, such as `https://s3.eu-west-1.amazonaws.com`
 * @returns undefined if there can be no such object, or its name would not survive in a URL: `.` and `..` are no segments there
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
 */
export function objectUrl(
  { bucket, key }: PayloadPointer,
  origin: string,
  pathStyle: boolean,
): string | undefined {
  if (!bucketName.test(bucket) || addressLike.test(bucket)) return undefined;
  if (key === "" || !key.isWellFormed() || Buffer.byteLength(key) > mostKeyBytes) return undefined;
  const segments = key.split("/");
  if (segments.includes(".") || segments.includes("..")) return undefined;
  const path = segments.map(encodeSegment).join("/");
  if (pathStyle || bucket.includes(".") || key.startsWith("/")) return `${origin}/${bucket}/${path}`;
  return `${origin.replace("://", `://${bucket}.`)}/${path}`;
}

/** Percent-encodes all but the unreserved characters, as S3's signatures have it. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
