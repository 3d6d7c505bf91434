/** What the signatures of one second have in common, as aws4fetch makes it; a body's hash and signature are added here. */

import { AwsV4Signer } from "aws4fetch";

/** Of a header in which a body's hash is given, or said to be left out, as S3 takes it. */
const contentHash = "x-amz-content-sha256";

interface FrameParts {
  readonly url: string;
  /** All but `authorization`, by lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The header up to the signature. */
  readonly authorization: string;
  /** Up to the body's hash; or whole, where a header speaks of it. */
  readonly canonicalRequest: string;
  readonly hashesBody: boolean;
  /** The text that is signed, up to the hash of the canonical request. */
  readonly scope: string;
  /** A hasher with the signing key, to be copied. */
  readonly keyed: Bun.CryptoHasher;
}

/**
 * A signed request without its body.
 *
 * aws4fetch works out all of it for each request, and hands each hash to another thread through WebCrypto, which takes
 * many times as long as hashing (`scripts/bench --only parts`).
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export class SigningFrame {
  readonly #parts: FrameParts;

  private constructor(parts: FrameParts) {
    this.#parts = parts;
  }

  /** @param options as aws4fetch takes them, without a body */
  static async of(options: ConstructorParameters<typeof AwsV4Signer>[0]): Promise<SigningFrame> {
    return new SigningFrame(await new BlankSigner(options).frame());
  }

  /** Adds the signature of a body, which is empty where a request has none. */
  sign(body: string): { url: string; headers: Record<string, string> } {
    const { url, headers, authorization, canonicalRequest, hashesBody, scope, keyed } = this.#parts;
    const canonicalHash = sha256(hashesBody ? canonicalRequest + sha256(body) : canonicalRequest);
    const hasher = keyed.copy().update(scope + canonicalHash);
    return { url, headers: { ...headers, authorization: authorization + hasher.digest("hex") } };
  }
}

/** aws4fetch's signer, with blanks for what depends on the body. */
class BlankSigner extends AwsV4Signer {
  async frame(): Promise<FrameParts> {
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
