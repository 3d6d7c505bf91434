/** Signs requests to AWS with Signature Version 4, and keeps what the next request's signature has in common with it. */

import { SigningFrame } from "./signing-frame.ts";

/** One set of credentials. Never to be printed. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Absent where they do not expire. */
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

/** What a signature is good for. */
interface SigningScope {
  /** As AWS names it in a signature, such as `sqs`, `sts` or `s3`. */
  readonly service: string;
  readonly region: string;
}

/** A request with its signature, as `fetch` takes it. */
export interface SignedRequest {
  readonly url: string;
  readonly method: string;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** Signs one service's requests in one region. */
export class RequestSigner {
  readonly #scope: SigningScope;
  /** Signing keys, derived once a day for each secret. */
  readonly #keys = new Map<string, ArrayBuffer>();
  /** Of the last request: thousands in one second may differ in nothing but their bodies. */
  #last: FramedRequest | undefined;

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /** @param atMillis the time that the signature carries, in milliseconds since 1970 UTC */
  async sign(request: ServiceRequest, credentials: Credentials, atMillis: number): Promise<SignedRequest> {
    const second = Math.floor(atMillis / 1000);
    const framing = { request, credentials, second };
    const last = this.#last;
    const { frame } = last && isAlike(last, framing) ? last : await this.#newFrame(framing);
    const body = request.body ?? null;
    return { ...frame.sign(body ?? ""), method: request.method, body };
  }

  async #newFrame({ request, credentials, second }: Framing): Promise<FramedRequest> {
    const { method, url, headers = {} } = request;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const frame = await SigningFrame.of({
      ...this.#scope,
      method,
      url,
      headers,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      cache: this.#keys,
      datetime: new Date(second * 1000).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    // Not the request itself, which would keep its body.
    const framed = { request: { method, url, headers: request.headers }, credentials, second, frame };
    this.#last = framed;
    return framed;
  }
}

/** What a signature depends on beside the body. */
interface Framing {
  readonly request: Omit<ServiceRequest, "body">;
  readonly credentials: Credentials;
  readonly second: number;
}

interface FramedRequest extends Framing {
  readonly frame: SigningFrame;
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
