/** A second reading of AWS's Signature Version 4, by the book and apart from the one that signs. */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** A request as it came over the wire. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** Whose signature is expected. */
export interface Signer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly region: string;
  /** @defaultValue `sqs` */
  readonly service?: "s3" | "sqs" | "sts" | undefined;
}

/** Why a request is refused, as AWS names it. */
export type Refusal =
  | "MissingAuthenticationToken"
  | "IncompleteSignature"
  | "InvalidClientTokenId"
  | "RequestExpired"
  | "SignatureDoesNotMatch";

const authorization =
  /^AWS4-HMAC-SHA256 Credential=([^/, ]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;

const toleranceMillis = 15 * 60_000;

/**
 * Checks a request's signature.
 *
 * @returns undefined where it is right
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function refuse(request: ReceivedRequest, signer: Signer, nowMillis: number): Refusal | undefined {
  const { headers } = request;
  if (headers.authorization === undefined) return "MissingAuthenticationToken";
  const [, accessKeyId = "", date = "", region = "", service = "", signedHeaders, signature] =
    authorization.exec(headers.authorization) ?? [];
  const time = headers["x-amz-date"] ?? "";
  if (!signedHeaders || !signature || !/^\d{8}T\d{6}Z$/.test(time)) return "IncompleteSignature";
  if (accessKeyId !== signer.accessKeyId) return "InvalidClientTokenId";
  if (headers["x-amz-security-token"] !== signer.sessionToken) return "InvalidClientTokenId";

  const names = signedHeaders.split(";");
  const mustBeSigned = Object.keys(headers).filter((name) => name === "host" || name.startsWith("x-amz-"));
  if (!mustBeSigned.every((name) => names.includes(name))) return "SignatureDoesNotMatch";
  if (names.join() !== names.toSorted().join()) return "SignatureDoesNotMatch";

  const requestMillis = Date.parse(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (Math.abs(nowMillis - requestMillis) > toleranceMillis) return "RequestExpired";
  if (date !== time.slice(0, 8) || region !== signer.region || service !== (signer.service ?? "sqs"))
    return "SignatureDoesNotMatch";

  const stated = headers["x-amz-content-sha256"];
  if (service === "s3" && stated !== sha256(request.body)) return "SignatureDoesNotMatch";

  const [path = "", query = ""] = request.target.split("?");
  const canonicalRequest = [
    request.method,
    // S3's canonical path is the one on the wire; elsewhere it is encoded once more.
    service === "s3" ? path : path.split("/").map(encode).join("/"),
    query.split("&").toSorted().join("&"),
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders,
    sha256(request.body),
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const stringToSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonicalRequest)].join("\n");
  let key: Buffer = Buffer.from(`AWS4${signer.secretAccessKey}`);
  for (const part of [date, region, service, "aws4_request"]) key = hmac(key, part);
  const expected = hmac(key, stringToSign);
  return timingSafeEqual(expected, Buffer.from(signature, "hex")) ? undefined : "SignatureDoesNotMatch";
}

function encode(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
