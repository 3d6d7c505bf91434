/** Reads the pointer that a body may be in place of its content: which object of S3 holds it. */

/** An object of S3, as a message names it: not to be trusted. */
export interface PayloadPointer {
  readonly bucket: string;
  readonly key: string;
}

/** The class that the Amazon SQS Extended Client Library writes, and the one it wrote before its version 1.1. */
const pointer =
  /^\s*\[\s*"(?:software\.amazon\.payloadoffloading\.PayloadS3Pointer|com\.amazon\.sqs\.javamessaging\.MessageS3Pointer)"/;

/** A key takes 1,024 bytes, and 6 characters a byte where it is escaped. */
const longestPointer = 16 * 1024;

/**
 * The pointer that the body is; undefined where it is none.
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
 * A bucket stands in front of S3's host, and in the path where an endpoint stands for S3, where dots would make the
 * host another than the certificate is for, and where the key begins with a slash, which `fetch` would take for a
 * doubled one.
 *
 * @param origin of S3, such as `https://s3.eu-west-1.amazonaws.com`
 * @returns undefined where there can be no such object, or its name would not survive in a URL: `.` and `..` are no segments there
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
