/** Calls a service of AWS: signs, sends, reads the answer, and tries again what may pass. */

import type { EtlError } from "../errors.ts";
import type { Clock } from "../polling/ports.ts";
import { type CredentialSource, createCredentialSource } from "./credentials.ts";
import type { ServiceName } from "./endpoint.ts";
import {
  answerError,
  answeredError,
  type CallSubject,
  isExpiredToken,
  type Refusal,
  refusesTime,
  type ServiceErrors,
} from "./errors.ts";
import { readErrorBody } from "./query-protocol.ts";
import { defaultRetryPolicy, type RetryParts, type RetryPolicy, withRetries } from "./retry.ts";
import { type Credentials, RequestSigner, type ServiceRequest } from "./signing.ts";
import { bounded, type Route, routeInit, timeoutError, transportError } from "./transport.ts";
import { UnreadableAnswer } from "./xml.ts";

/** What a client is made of. Proxies, and profiles, are read from the process's own environment. */
export interface ClientParts extends Route {
  readonly clock: Clock;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** What calls are signed with. @defaultValue what `env` leads to */
  readonly credentials?: CredentialSource | undefined;
  /** @defaultValue {@link defaultRetryPolicy} */
  readonly retryPolicy?: RetryPolicy | undefined;
  /**
   * For one try, from the first byte sent to the last one read; of a receive, beyond the time that its poll is held open.
   *
   * @defaultValue 20,000
   */
  readonly timeoutMillis?: number | undefined;
  /**
   * Told by how many milliseconds this machine's clock is ahead of the server's (below 0: behind), when it has refused a
   * signature for its time and the time of further ones has been corrected. Told again only when another difference
   * is measured, such as about 0 after the clock has been set.
   */
  readonly onClockSkew?: ((aheadMillis: number) => void) | undefined;
}

/** What sets a service apart from the others. */
export interface Service {
  readonly name: ServiceName;
  /** Makes an error's code more precise by its text; undefined if that has nothing to say. */
  readonly refineCode?: (code: string, text: string) => string | undefined;
  /** Added to what every request is sent with. */
  readonly init?: BunFetchRequestInit;
}

/** One request, and what becomes of its answer. */
export interface ServiceCall<Body, T> extends CallSubject {
  readonly errors: ServiceErrors;
  readonly region: string;
  /** What to send: asked for at first, and after each try that failed. */
  readonly request: (failure?: EtlError) => ServiceRequest;
  /** How long the server may hold the answer back beyond the client's own timeout. @defaultValue 0 */
  readonly heldMillis?: number | undefined;
  /**
   * Called with the length of a 200 before its body is read, which is read when it resolves; the client's timeout begins
   * anew then. Undefined if the answer does not state its length.
   */
  readonly admit?: ((bytes: number | undefined) => Promise<void>) | undefined;
  /** The most that is read of the answer's body. @defaultValue 64 MiB */
  readonly mostBytes?: number | undefined;
  /** Ends the call at once, whatever it is waiting for. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the body of a 200, as text or as bytes. */
  readonly take: (answer: Response) => Promise<Body>;
  /** Makes something of that. What it throws is the call's failure. */
  readonly read: (body: Body) => T;
  /**
   * Whether an answer that cannot be read ends the call at once: what was handed out in it is hidden now, and another
   * try would find nothing and say nothing. @defaultValue false
   */
  readonly unreadableEnds?: boolean | undefined;
  /** Makes something of an answer that is longer than `mostBytes`. @defaultValue an error of kind protocol */
  readonly tooLong?: (() => T) | undefined;
  /** Makes something of an answer that is not a 200. @defaultValue the error that it is */
  readonly refused?: ((refusal: Refusal) => T) | undefined;
}

type Answer<Body> = { readonly body: Body | undefined } | { readonly refusal: Refusal };

/**
 * More than any answer holds. SQS hands out 10 messages of at most 1 MiB, and a quotation mark takes six characters in
 * its XML.
 */
const longestAnswerBytes = 64 * 1024 * 1024;

/** Less than this is the way of an answer and the whole seconds of its `Date`, and no signature is refused for it. */
const sameMillis = 60_000;

/** A client of one service, in whatever region a call names. */
export class ServiceClient {
  /** What signs the calls. */
  readonly credentials: CredentialSource;
  /** How calls are tried again. */
  readonly retry: RetryParts;
  readonly #service: Service;
  readonly #init: BunFetchRequestInit;
  readonly #parts: ClientParts;
  readonly #timeoutMillis: number;
  /** By region. */
  readonly #signers = new Map<string, RequestSigner>();
  #clockAheadMillis = 0;
  #requests = 0;
  #open = 0;

  /**
   * Nothing is sent yet, and credentials are looked for only when something is.
   *
   * @param region where credentials are asked for, if neither environment nor profile names one
   * @throws EtlError of kind config for a key or a CA bundle that cannot be used
   */
  constructor(service: Service, region: string, parts: ClientParts) {
    const { env, clock, random, retryPolicy: policy = defaultRetryPolicy } = parts;
    // Expiry is told by the same clock, else a machine that is ahead would renew its credentials at every call.
    const now = () => this.#correctedNow();
    this.credentials = parts.credentials ?? createCredentialSource({ env, region, now });
    this.retry = { policy, clock, random };
    this.#service = service;
    this.#init = { ...routeInit(parts), ...service.init };
    this.#parts = parts;
    this.#timeoutMillis = parts.timeoutMillis ?? 20_000;
  }

  /** Requests sent so far, retries included. */
  get requests(): number {
    return this.#requests;
  }

  /** Calls that are not over. */
  get openRequests(): number {
    return this.#open;
  }

  /**
   * Calls the service and reads its answer.
   *
   * @throws EtlError once retries are exhausted or if there is no use in any; the signal's reason if it is aborted
   */
  call<Body, T>(call: ServiceCall<Body, T>): Promise<T> {
    const { signal } = call;
    let request = call.request();
    const goesOn = (failure: EtlError) => {
      request = call.request(failure);
      return failure.retryable && !(call.unreadableEnds === true && failure.kind === "protocol");
    };
    const tries = () => withRetries(() => this.#try(call, request), this.retry, signal, goesOn);
    // From now on and not from the first byte: whoever ends the process waits for what has been asked for.
    this.#open += 1;
    return (signal === undefined ? tries() : endedBy(signal, tries)).finally(() => {
      this.#open -= 1;
    });
  }

  /** Sends once; and once more by the server's time, or with new credentials, if that may be what is refused. */
  async #try<Body, T>(call: ServiceCall<Body, T>, request: ServiceRequest): Promise<T> {
    let credentials = await this.credentials.current();
    let [isCorrected, isRenewed] = [false, false];
    for (;;) {
      const answer = await this.#send(call, request, credentials);
      if (!("refusal" in answer)) return readBody(call, answer.body);
      const { refusal } = answer;
      if (!isCorrected && refusesTime(refusal)) {
        isCorrected = true;
        this.#correctClock(refusal.clockAheadMillis);
        continue;
      }
      if (!isRenewed && isExpiredToken(refusal)) {
        isRenewed = true;
        const { accessKeyId, sessionToken } = credentials;
        credentials = await this.credentials.renew();
        isCorrected = false;
        if (credentials.accessKeyId !== accessKeyId || credentials.sessionToken !== sessionToken) continue;
      }
      if (call.refused !== undefined) return call.refused(refusal);
      throw answeredError(refusal, call.errors);
    }
  }

  async #send<Body>(
    call: ServiceCall<Body, unknown>,
    request: ServiceRequest,
    credentials: Credentials,
  ): Promise<Answer<Body>> {
    const { signal } = call;
    const { settings } = call.errors;
    const timeoutMillis = this.#timeoutMillis + (call.heldMillis ?? 0);
    const signedAtMillis = this.#correctedNow();
    const signer = this.#signerOf(call.region);
    const { url, method, body, ...signed } = await signer.sign(request, credentials, signedAtMillis);
    // Not signed, as a proxy may change it; plain, so that the length an answer states is the length it has.
    const headers = { ...signed.headers, "accept-encoding": "identity" };
    signal?.throwIfAborted();

    const ending = new AbortController();
    const onAbort = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    const onTimeout = () => ending.abort(timeoutError(call, timeoutMillis, settings));
    let timer = setTimeout(onTimeout, timeoutMillis);
    this.#requests += 1;
    try {
      const response = await fetch(url, { ...this.#init, method, headers, body, signal: ending.signal });
      if (call.admit !== undefined && response.status === 200) {
        clearTimeout(timer);
        const length = response.headers.get("content-length");
        await call.admit(length === null ? undefined : Number(length));
        timer = setTimeout(onTimeout, timeoutMillis);
      }
      const answer = await bounded(response, call.mostBytes ?? longestAnswerBytes);
      if (response.status === 200) return { body: answer && (await call.take(answer)) };
      const text = (await answer?.text()) ?? "";
      return { refusal: this.#refusal(call, response, text, signedAtMillis) };
    } catch (error) {
      if (ending.signal.aborted) throw ending.signal.reason;
      throw transportError(call, error, settings);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Milliseconds since 1970 UTC: this machine's, or the server's own if the two have been found to differ. */
  #correctedNow(): number {
    return this.#parts.now() - this.#clockAheadMillis;
  }

  /** Calls that were refused together measure the same, and only the first counts. */
  #correctClock(aheadMillis: number | undefined): void {
    if (aheadMillis === undefined || Math.abs(aheadMillis - this.#clockAheadMillis) < sameMillis) return;
    this.#clockAheadMillis = aheadMillis;
    this.#parts.onClockSkew?.(aheadMillis);
  }

  #signerOf(region: string): RequestSigner {
    let signer = this.#signers.get(region);
    if (signer === undefined) {
      signer = new RequestSigner({ service: this.#service.name, region });
      this.#signers.set(region, signer);
    }
    return signer;
  }

  #refusal(
    { operation, resource, host, region }: CallSubject & { readonly region: string },
    { status, headers }: Response,
    text: string,
    signedAtMillis: number,
  ): Refusal {
    const { name, refineCode } = this.#service;
    const said = readErrorBody(text, name === "s3");
    const serverMillis = Date.parse(headers.get("date") ?? "");
    const isTold = !Number.isNaN(serverMillis);
    return {
      operation,
      resource,
      host,
      region,
      status,
      code: (said.code && refineCode?.(said.code, said.text)) ?? said.code,
      bucketRegion: headers.get("x-amz-bucket-region") ?? said.region,
      clockAheadMillis: isTold ? this.#parts.now() - serverMillis : undefined,
      signedAheadMillis: isTold ? signedAtMillis - serverMillis : undefined,
    };
  }
}

function readBody<Body, T>(call: ServiceCall<Body, T>, body: Body | undefined): T {
  if (body === undefined) {
    if (call.tooLong !== undefined) return call.tooLong();
    const message = `the answer is longer than any that ${call.errors.name} gives`;
    throw answerError(call, call.errors, { message });
  }
  try {
    return call.read(body);
  } catch (error) {
    if (!(error instanceof UnreadableAnswer)) throw error;
    const { unreadable, name } = call.errors;
    const message = unreadable?.message ?? `the answer is not what ${name} answers`;
    throw answerError(call, call.errors, { message, retryable: true });
  }
}

/** The operation's outcome, or the signal's reason as soon as it is aborted. Not `Promise.race`, which makes far more of it. */
function endedBy<T>(signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    const end = () => signal.removeEventListener("abort", onAbort);
    operation().then(
      (result) => {
        end();
        resolve(result);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}
