/** Signs requests to AWS with Signature Version 4; what the signatures of one second have in common is made once. */

import { AwsV4Signer } from "aws4fetch";

/** One set of credentials. Never to be printed. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Absent if they do not expire. */
  readonly expiresAtMillis?: number | undefined;
  /** Where AWS's chain found them, in words for a person, such as `the profile prod`; absent for static keys. */
  readonly source?: string | undefined;
}

/** A request to a service of AWS. */
export interface ServiceRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** A content type is sent, but not signed. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

/** A request with its signature, as `fetch` takes it. */
export interface SignedRequest {
  readonly url: string;
  readonly method: string;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** What a signature depends on beside the body. */
interface Framing {
  readonly request: Omit<ServiceRequest, "body">;
  readonly credentials: Credentials;
  readonly second: number;
}

/** Signs one service's requests in one region. */
export class RequestSigner {
  readonly #scope: { readonly service: string; readonly region: string };
  /** Signing keys, derived once a day for each secret. */
  readonly #keys = new Map<string, ArrayBuffer>();
  /** Of the last request: thousands in one second may differ in nothing but their bodies. */
  #last: (Framing & { readonly frame: SigningFrame }) | undefined;

  /** @param scope what the signatures are good for, such as `sqs` in `eu-west-1` */
  constructor(scope: { readonly service: string; readonly region: string }) {
    this.#scope = scope;
  }

  /** @param atMillis the time that the signature carries, in milliseconds since 1970 UTC */
  async sign(request: ServiceRequest, credentials: Credentials, atMillis: number): Promise<SignedRequest> {
    const framing = { request, credentials, second: Math.floor(atMillis / 1000) };
    const last = this.#last;
    const frame = last && isAlike(last, framing) ? last.frame : await this.#newFrame(framing);
    const { method, body = null } = request;
    return { url: frame.url, method, headers: signBody(frame, body ?? ""), body };
  }

  async #newFrame({ request, credentials, second }: Framing): Promise<SigningFrame> {
    const { method, url, headers = {} } = request;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const frame = await new BlankSigner({
      ...this.#scope,
      method,
      url,
      headers,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      cache: this.#keys,
      datetime: new Date(second * 1000).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    }).frame();
    // Not the request itself, which would keep its body.
    this.#last = { request: { method, url, headers: request.headers }, credentials, second, frame };
    return frame;
  }
}

/** Headers and credentials are compared by identity: another object costs a frame, and no more. */
function isAlike(one: Framing, other: Framing): boolean {
  return (
    one.second === other.second &&
    one.credentials === other.credentials &&
    one.request.url === other.request.url &&
    one.request.method === other.request.method &&
    one.request.headers === other.request.headers
  );
}

/**
 * A signed request without its body.
 *
 * aws4fetch works out all of it for each request, and hands each hash to another thread through WebCrypto, which takes
 * many times as long as hashing (`scripts/bench --only parts`).
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
interface SigningFrame {
  readonly url: string;
  /** All but `authorization`, by lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The header up to the signature. */
  readonly authorization: string;
  /** Up to the body's hash; or whole, if a header speaks of it. */
  readonly canonicalRequest: string;
  readonly hashesBody: boolean;
  /** The text that is signed, up to the hash of the canonical request. */
  readonly scope: string;
  /** A hasher with the signing key, to be copied. */
  readonly keyed: Bun.CryptoHasher;
}

/** The headers with the signature of a body, which is empty if a request has none. */
function signBody(frame: SigningFrame, body: string): Record<string, string> {
  const { headers, authorization, canonicalRequest, hashesBody, scope, keyed } = frame;
  const canonicalHash = sha256(hashesBody ? canonicalRequest + sha256(body) : canonicalRequest);
  const signature = keyed
    .copy()
    .update(scope + canonicalHash)
    .digest("hex");
  return { ...headers, authorization: authorization + signature };
}

/** Of a header in which a body's hash is given, or said to be left out, as S3 takes it. */
const contentHash = "x-amz-content-sha256";

/** aws4fetch's signer, with blanks for what depends on the body. */
class BlankSigner extends AwsV4Signer {
  async frame(): Promise<SigningFrame> {
    const keyName = [this.secretAccessKey, this.datetime.slice(0, 8), this.region, this.service].join();
    // Derives the key, to sign a blank with it, and keeps it under that name.
    if (!this.cache.has(keyName)) await super.signature();
    return {
      url: this.url.href,
      headers: this.headers.toJSON(),
      authorization: await this.authHeader(),
      canonicalRequest: await this.canonicalString(),
      hashesBody: !this.headers.has(contentHash),
      scope: `AWS4-HMAC-SHA256\n${this.datetime}\n${this.credentialString}\n`,
      keyed: new Bun.CryptoHasher("sha256", new Uint8Array(this.cache.get(keyName) as ArrayBuffer)),
    };
  }

  override async signature(): Promise<string> {
    return "";
  }

  override async stringToSign(): Promise<string> {
    return "";
  }

  override async hexBodyHash(): Promise<string> {
    return this.headers.get(contentHash) ?? "";
  }
}

function sha256(text: string): string {
  return Bun.CryptoHasher.hash("sha256", text, "hex");
}
