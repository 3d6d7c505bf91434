/** Sends signed queries to SQS: one request a try, tried again where the failure may pass. */

import { AwsV4Signer } from "aws4fetch";
import { EtlError } from "../errors.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { answeredError, isExpiredToken } from "./errors.ts";
import { encodeQuery, type Query, queryContentType } from "./query.ts";
import { readErrorCode } from "./response.ts";
import { type RetryParts, withRetries } from "./retry.ts";
import { timeoutError, transportError } from "./transport-errors.ts";

/** What the client needs. */
export interface SqsClientParts {
  readonly endpoint: Endpoint;
  readonly credentials: CredentialSource;
  readonly retry: RetryParts;
  /** Milliseconds since 1970 UTC: signatures carry the time. */
  readonly now: () => number;
  /** Authorities to trust for TLS, in PEM, in place of the built-in ones. */
  readonly caBundle?: string | undefined;
}

/** One call. */
export interface Call<T> {
  /** What it is for, as errors name it, such as `receive`. */
  readonly operation: string;
  readonly query: Query;
  /** Reads the body of a 200; what it throws counts as the call's failure. */
  readonly read: (text: string) => T;
  /** For one try, from the first byte sent to the last one read. */
  readonly timeoutMillis: number;
  /** Ends the call at once, whatever it is waiting for. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The most that an answer may hold. SQS hands out 10 messages of at most 1 MiB, and a quotation mark takes
 * six characters in its XML.
 */
const longestAnswerBytes = 64 * 1024 * 1024;

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
    const { signal } = call;
    if (signal === undefined) return withRetries(() => this.#try(call), this.#parts.retry);
    return endedBy(signal, () => withRetries(() => this.#try(call), this.#parts.retry, signal));
  }

  async #try<T>(call: Call<T>): Promise<T> {
    const { credentials } = this.#parts;
    const current = await credentials.current();
    try {
      return await this.#send(call, current);
    } catch (error) {
      if (!isExpiredToken(error)) throw error;
      const renewed = await credentials.renew();
      if (renewed.accessKeyId === current.accessKeyId && renewed.sessionToken === current.sessionToken)
        throw error;
      return await this.#send(call, renewed);
    }
  }

  async #send<T>(call: Call<T>, credentials: Credentials): Promise<T> {
    const { operation, signal, timeoutMillis } = call;
    const { host } = this.#parts.endpoint;
    const request = await this.#sign(call.query, credentials);
    signal?.throwIfAborted();

    const ending = new AbortController();
    const onAbort = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    const onTimeout = () => ending.abort(timeoutError(operation, host, timeoutMillis));
    const timer = setTimeout(onTimeout, timeoutMillis);
    this.#requests += 1;
    let answer: Answer;
    try {
      answer = await exchange(request, ending.signal);
    } catch (error) {
      if (ending.signal.aborted) throw ending.signal.reason;
      throw error instanceof EtlError ? error : transportError(operation, host, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
    if (answer.status === 200) return call.read(answer.text);
    throw this.#refusal(operation, answer);
  }

  async #sign(query: Query, credentials: Credentials): Promise<SignedRequest> {
    const { endpoint, now, caBundle } = this.#parts;
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
      datetime: new Date(now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const { url, method, headers, body } = await signer.sign();
    // Not signed, as a proxy may change it; plain, so that the length an answer states is the length it has.
    headers.set("accept-encoding", "identity");
    const init: BunFetchRequestInit = { method, headers, body: body ?? null, redirect: "manual" };
    return { url: url.href, init: caBundle === undefined ? init : { ...init, tls: { ca: caBundle } } };
  }

  #refusal(operation: string, answer: Answer): EtlError {
    const { host, region } = this.#parts.endpoint;
    const serverMillis = Date.parse(answer.date ?? "");
    const clockAheadMillis = Number.isNaN(serverMillis) ? undefined : this.#parts.now() - serverMillis;
    const code = readErrorCode(answer.text);
    return answeredError({ operation, host, region, status: answer.status, code, clockAheadMillis });
  }
}

interface SignedRequest {
  readonly url: string;
  readonly init: BunFetchRequestInit;
}

interface Answer {
  readonly status: number;
  /** The `Date` header: when the server answered, by its clock. */
  readonly date: string | null;
  readonly text: string;
}

async function exchange(request: SignedRequest, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(request.url, { ...request.init, signal });
  const { status, headers } = response;
  return { status, date: headers.get("date"), text: await readBounded(response) };
}

/** Reads the whole body. One that states its length, as SQS's do, is read in one go. */
async function readBounded(response: Response): Promise<string> {
  const length = response.headers.get("content-length");
  if (Number(length) > longestAnswerBytes) {
    await response.body?.cancel();
    throw tooLong();
  }
  if (length !== null || response.body === null) return response.text();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > longestAnswerBytes) throw tooLong();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLong(): EtlError {
  return new EtlError({
    kind: "protocol",
    operation: "read answer",
    message: "the answer is longer than any that SQS gives",
    hint: "check that the queue URL leads to SQS",
  });
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
