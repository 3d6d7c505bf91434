/** Sends signed queries to SQS: one request a try, tried again where the failure may pass. */

import { AwsV4Signer } from "aws4fetch";
import { EtlError } from "../errors.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { answeredError, type ErrorAnswer, isExpiredToken, refusesTime } from "./errors.ts";
import { type Answer, exchange, type SignedRequest } from "./exchange.ts";
import { encodeQuery, type Query, queryContentType } from "./query.ts";
import { readErrorCode } from "./response.ts";
import { type RetryParts, withRetries } from "./retry.ts";
import type { SignatureClock } from "./signature-clock.ts";
import { timeoutError, transportError } from "./transport-errors.ts";

/** What the client needs. */
export interface SqsClientParts {
  readonly endpoint: Endpoint;
  readonly credentials: CredentialSource;
  readonly retry: RetryParts;
  readonly signatureClock: SignatureClock;
  /** Authorities to trust for TLS, in PEM, in place of the built-in ones. */
  readonly caBundle?: string | undefined;
  /** Goes past every proxy that the process's environment names. @defaultValue false */
  readonly direct?: boolean | undefined;
}

/** One call. */
export interface Call<T> {
  /** What it is for, as errors name it, such as `receive`. */
  readonly operation: string;
  readonly query: Query;
  /** What to send in place of it after a try that failed. */
  readonly queryAfter?: ((failure: EtlError) => Query) | undefined;
  /** Reads the body of a 200; what it throws counts as the call's failure. */
  readonly read: (text: string) => T;
  /** For one try, from the first byte sent to the last one read. */
  readonly timeoutMillis: number;
  /** Ends the call at once, whatever it is waiting for. */
  readonly signal?: AbortSignal | undefined;
}

/** A client of one queue. Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, which Bun's fetch obeys. */
export class SqsClient {
  readonly #parts: SqsClientParts;
  /** Signing keys, derived once a day for each secret. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();
  #requests = 0;

  constructor(parts: SqsClientParts) {
    this.#parts = parts;
  }

  /** Requests sent so far, retries included. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Calls the queue and reads its answer.
   *
   * @throws EtlError once retries are exhausted or where there is no use in any; the signal's reason where it is aborted
   */
  call<T>(call: Call<T>): Promise<T> {
    const { signal, queryAfter } = call;
    let { query } = call;
    const attempt = async () => {
      try {
        return await this.#try({ ...call, query });
      } catch (error) {
        if (queryAfter !== undefined && error instanceof EtlError) query = queryAfter(error);
        throw error;
      }
    };
    if (signal === undefined) return withRetries(attempt, this.#parts.retry);
    return endedBy(signal, () => withRetries(attempt, this.#parts.retry, signal));
  }

  async #try<T>(call: Call<T>): Promise<T> {
    const { credentials } = this.#parts;
    const current = await credentials.current();
    try {
      return await this.#sendInTime(call, current);
    } catch (error) {
      if (!isExpiredToken(error)) throw error;
      const renewed = await credentials.renew();
      if (renewed.accessKeyId === current.accessKeyId && renewed.sessionToken === current.sessionToken)
        throw error;
      return await this.#sendInTime(call, renewed);
    }
  }

  /** Sends; and once more, by the server's time, where the first signature is refused for its time. */
  async #sendInTime<T>(call: Call<T>, credentials: Credentials): Promise<T> {
    const first = await this.#send(call, credentials);
    if (first.status === 200) return call.read(first.text);
    const refusal = this.#refusal(call.operation, first);
    if (!refusesTime(refusal)) throw answeredError(refusal);
    if (refusal.clockAheadMillis !== undefined) this.#parts.signatureClock.correct(refusal.clockAheadMillis);
    const second = await this.#send(call, credentials);
    if (second.status === 200) return call.read(second.text);
    throw answeredError(this.#refusal(call.operation, second));
  }

  async #send(call: Call<unknown>, credentials: Credentials): Promise<TimedAnswer> {
    const { operation, signal, timeoutMillis } = call;
    const { host } = this.#parts.endpoint;
    const signedAtMillis = this.#parts.signatureClock.now();
    const request = await this.#sign(call.query, credentials, signedAtMillis);
    signal?.throwIfAborted();

    const ending = new AbortController();
    const onAbort = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    const onTimeout = () => ending.abort(timeoutError(operation, host, timeoutMillis));
    const timer = setTimeout(onTimeout, timeoutMillis);
    this.#requests += 1;
    try {
      return { ...(await exchange(request, ending.signal)), signedAtMillis };
    } catch (error) {
      if (ending.signal.aborted) throw ending.signal.reason;
      throw error instanceof EtlError ? error : transportError(operation, host, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #sign(query: Query, credentials: Credentials, atMillis: number): Promise<SignedRequest> {
    const { endpoint, caBundle, direct } = this.#parts;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const signer = new AwsV4Signer({
      method: "POST",
      url: endpoint.requestUrl,
      headers: { "content-type": queryContentType },
      body: encodeQuery(query, endpoint.queue.href),
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: "sqs",
      region: endpoint.region,
      cache: this.#signingKeys,
      datetime: new Date(atMillis).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const { url, method, headers, body } = await signer.sign();
    // Not signed, as a proxy may change it; plain, so that the length an answer states is the length it has.
    headers.set("accept-encoding", "identity");
    const init: BunFetchRequestInit = {
      method,
      headers,
      body: body ?? null,
      redirect: "manual",
      ...(direct ? { proxy: false } : {}),
    };
    return { url: url.href, init: caBundle === undefined ? init : { ...init, tls: { ca: caBundle } } };
  }

  #refusal(operation: string, { status, date, text, signedAtMillis }: TimedAnswer): ErrorAnswer {
    const { endpoint, signatureClock } = this.#parts;
    const { host, region } = endpoint;
    const serverMillis = Date.parse(date ?? "");
    const times = Number.isNaN(serverMillis)
      ? { clockAheadMillis: undefined, signedAheadMillis: undefined }
      : {
          clockAheadMillis: signatureClock.aheadOf(serverMillis),
          signedAheadMillis: signedAtMillis - serverMillis,
        };
    return { operation, host, region, status, code: readErrorCode(text), ...times };
  }
}

interface TimedAnswer extends Answer {
  /** The time that the request's signature carries. */
  readonly signedAtMillis: number;
}

/** Runs the operation, but rejects as soon as the signal is aborted, with its reason. */
async function endedBy<T>(signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([operation(), ended]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
