/** Sends one signed request and reads its answer: once again where its time is refused, or its token has expired. */

import type { CredentialSource } from "./credentials.ts";
import { type ErrorAnswer, isExpiredToken, refusesTime } from "./errors.ts";
import { bounded } from "./exchange.ts";
import type { ServiceName } from "./service-endpoint.ts";
import { readServiceError } from "./service-errors.ts";
import type { SignatureClock } from "./signature-clock.ts";
import { type Credentials, RequestSigner, type ServiceRequest } from "./signing.ts";
import { timeoutError, transportError } from "./transport-errors.ts";

/** What the sender needs. */
export interface SignedSenderParts {
  readonly service: ServiceName;
  readonly credentials: CredentialSource;
  readonly signatureClock: SignatureClock;
  /** What every request is sent with. */
  readonly init: BunFetchRequestInit;
  /** What to check where no answer comes. */
  readonly reachHint: string;
}

/** One request, and what becomes of its answer. */
export interface SignedCall<Body, T> {
  /** What it is for, as errors name it, such as `receive`. */
  readonly operation: string;
  readonly region: string;
  /** As errors name it: the request's own host may be made of what a message holds. */
  readonly host: string;
  readonly request: ServiceRequest;
  /** The most that is read of the answer's body. */
  readonly mostBytes: number;
  /** From the first byte sent to the last one read. */
  readonly timeoutMillis: number;
  /** Ends the sending. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the body of a 200, as text or as bytes. */
  readonly take: (answer: Response) => Promise<Body>;
  /** Makes something of that; undefined where it is longer than `mostBytes`. What it throws is the call's failure. */
  readonly read: (body: Body | undefined) => T;
  /** Makes something of an answer that is not a 200, as `read` does. */
  readonly refused: (refusal: Refusal) => T;
}

/** An answer that is not a 200. */
export interface Refusal extends ErrorAnswer {
  /** The region that S3 says the bucket is in, as it stands there. */
  readonly bucketRegion: string | undefined;
}

type Answer<Body> = { readonly body: Body | undefined } | { readonly refusal: Refusal };

/** Signs and sends for one service, to whatever region a call names. */
export class SignedSender {
  readonly #parts: SignedSenderParts;
  /** By region. */
  readonly #signers = new Map<string, RequestSigner>();
  #requests = 0;
  #open = 0;

  constructor(parts: SignedSenderParts) {
    this.#parts = parts;
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Requests that are not answered yet. */
  get openRequests(): number {
    return this.#open;
  }

  /** @throws EtlError where no answer comes, or as the call makes one of it; the signal's reason where it is aborted */
  async send<Body, T>(call: SignedCall<Body, T>): Promise<T> {
    const credentials = await this.#parts.credentials.current();
    let answer = await this.#sendOnce(call, credentials);
    if ("refusal" in answer) answer = await this.#afterRefusal(call, credentials, answer);
    return "refusal" in answer ? call.refused(answer.refusal) : call.read(answer.body);
  }

  /** Sends once more, by the server's time or with new credentials, where that may be what the refusal is about. */
  async #afterRefusal<Body>(
    call: SignedCall<Body, unknown>,
    credentials: Credentials,
    refused: Answer<Body>,
  ): Promise<Answer<Body>> {
    const answer = await this.#inTime(call, credentials, refused);
    if (!("refusal" in answer && isExpiredToken(answer.refusal))) return answer;
    const renewed = await this.#parts.credentials.renew();
    const isNew =
      renewed.accessKeyId !== credentials.accessKeyId || renewed.sessionToken !== credentials.sessionToken;
    return isNew ? this.#inTime(call, renewed, await this.#sendOnce(call, renewed)) : answer;
  }

  /** The answer; or another one, to a request signed by the server's time, where the first was refused for its time. */
  async #inTime<Body>(
    call: SignedCall<Body, unknown>,
    credentials: Credentials,
    answer: Answer<Body>,
  ): Promise<Answer<Body>> {
    if (!("refusal" in answer && refusesTime(answer.refusal))) return answer;
    const { clockAheadMillis } = answer.refusal;
    if (clockAheadMillis !== undefined) this.#parts.signatureClock.correct(clockAheadMillis);
    return this.#sendOnce(call, credentials);
  }

  async #sendOnce<Body>(call: SignedCall<Body, unknown>, credentials: Credentials): Promise<Answer<Body>> {
    const { operation, region, host, mostBytes, timeoutMillis, signal } = call;
    const { init, reachHint, signatureClock } = this.#parts;
    const signedAtMillis = signatureClock.now();
    const signer = this.#signerOf(region);
    const { url, method, body, ...signed } = await signer.sign(call.request, credentials, signedAtMillis);
    // Not signed, as a proxy may change it; plain, so that the length an answer states is the length it has.
    const headers = { ...signed.headers, "accept-encoding": "identity" };
    signal?.throwIfAborted();

    const ending = new AbortController();
    const onAbort = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    const onTimeout = () => ending.abort(timeoutError(operation, host, timeoutMillis, reachHint));
    const timer = setTimeout(onTimeout, timeoutMillis);
    this.#requests += 1;
    this.#open += 1;
    try {
      const response = await fetch(url, { ...init, method, headers, body, signal: ending.signal });
      const answer = await bounded(response, mostBytes);
      if (response.status === 200) return { body: answer && (await call.take(answer)) };
      const text = (await answer?.text()) ?? "";
      return { refusal: this.#refusal(call, response, text, signedAtMillis) };
    } catch (error) {
      if (ending.signal.aborted) throw ending.signal.reason;
      throw transportError(operation, host, error, reachHint);
    } finally {
      this.#open -= 1;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #signerOf(region: string): RequestSigner {
    let signer = this.#signers.get(region);
    if (signer === undefined) {
      signer = new RequestSigner({ service: this.#parts.service, region });
      this.#signers.set(region, signer);
    }
    return signer;
  }

  #refusal(
    { operation, host, region }: Pick<ErrorAnswer, "operation" | "host" | "region">,
    { status, headers }: Response,
    text: string,
    signedAtMillis: number,
  ): Refusal {
    const { service, signatureClock } = this.#parts;
    const { code, region: bodyRegion } = readServiceError(service, text);
    const bucketRegion = headers.get("x-amz-bucket-region") ?? bodyRegion;
    const serverMillis = Date.parse(headers.get("date") ?? "");
    const isTold = !Number.isNaN(serverMillis);
    const clockAheadMillis = isTold ? signatureClock.aheadOf(serverMillis) : undefined;
    const signedAheadMillis = isTold ? signedAtMillis - serverMillis : undefined;
    return { operation, host, region, status, code, bucketRegion, clockAheadMillis, signedAheadMillis };
  }
}
