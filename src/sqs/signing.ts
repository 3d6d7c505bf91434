/** Signs requests to AWS with Signature Version 4: aws4fetch says what is signed, and its hashes are computed here. */

import { AwsV4Signer } from "aws4fetch";

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
  readonly headers: Headers;
  readonly body: string | null;
}

/** Signs one service's requests in one region. */
export class RequestSigner {
  readonly #scope: SigningScope;
  /** Signing keys, derived once a day for each secret. */
  readonly #keys = new Map<string, ArrayBuffer>();

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /** @param atMillis the time that the signature carries, in milliseconds since 1970 UTC */
  async sign(request: ServiceRequest, credentials: Credentials, atMillis: number): Promise<SignedRequest> {
    const { method, url, headers = {}, body } = request;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const signer = new DirectSigner({
      ...this.#scope,
      method,
      url,
      headers,
      body: body ?? null,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      cache: this.#keys,
      datetime: new Date(atMillis).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const signed = await signer.sign();
    return { url: signed.url.href, method, headers: signed.headers, body: body ?? null };
  }
}

/**
 * aws4fetch's signer without its way through WebCrypto, whose every call is handed to another thread: with four of
 * them a signature takes ten times as long (`scripts/bench --only parts`). What is not overridden, the canonical
 * request and the derivation of a key among it, is aws4fetch's.
 */
class DirectSigner extends AwsV4Signer {
  override async signature(): Promise<string> {
    const day = this.datetime.slice(0, 8);
    const key = this.cache.get([this.secretAccessKey, day, this.region, this.service].join());
    if (key === undefined) return super.signature(); // It derives the key and keeps it under that name.
    return new Bun.CryptoHasher("sha256", new Uint8Array(key))
      .update(await this.stringToSign())
      .digest("hex");
  }

  override async stringToSign(): Promise<string> {
    const hash = sha256(await this.canonicalString());
    return ["AWS4-HMAC-SHA256", this.datetime, this.credentialString, hash].join("\n");
  }

  override async hexBodyHash(): Promise<string> {
    // A body that is described by a header, such as S3's, is not hashed.
    if (this.headers.has("x-amz-content-sha256") || typeof this.body !== "string") return super.hexBodyHash();
    return sha256(this.body);
  }
}

function sha256(text: string): string {
  return Bun.CryptoHasher.hash("sha256", text, "hex");
}
