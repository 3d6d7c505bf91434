/** Sends queries to one queue, tried again where the failure may pass. */

import { EtlError } from "../errors.ts";
import type { CredentialSource } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { answeredError } from "./errors.ts";
import { type Route, routeInit } from "./exchange.ts";
import { encodeQuery, type Query, queryHeaders } from "./query.ts";
import { type RetryParts, withRetries } from "./retry.ts";
import type { SignatureClock } from "./signature-clock.ts";
import { SignedSender } from "./signed-sender.ts";

/** What the client needs. */
export interface SqsClientParts extends Route {
  readonly endpoint: Endpoint;
  readonly credentials: CredentialSource;
  readonly retry: RetryParts;
  readonly signatureClock: SignatureClock;
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
  /**
   * Whether an answer that cannot be read ends the call at once: what was handed out in it is hidden now, and another
   * try would find nothing and say nothing. @defaultValue false
   */
  readonly unreadableEnds?: boolean | undefined;
  /** For one try, from the first byte sent to the last one read. */
  readonly timeoutMillis: number;
  /** Ends the call at once, whatever it is waiting for. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The most that an answer may hold. SQS hands out 10 messages of at most 1 MiB, and a quotation mark takes
 * six characters in its XML.
 */
const mostBytes = 64 * 1024 * 1024;

/** A client of one queue. */
export class SqsClient {
  readonly #endpoint: Endpoint;
  readonly #retry: RetryParts;
  readonly #sender: SignedSender;

  constructor({ endpoint, retry, credentials, signatureClock, ...route }: SqsClientParts) {
    this.#endpoint = endpoint;
    this.#retry = retry;
    const reachHint = "check the queue URL, AWS_ENDPOINT_URL_SQS, HTTPS_PROXY and the network";
    const init = routeInit(route);
    this.#sender = new SignedSender({ service: "sqs", credentials, signatureClock, init, reachHint });
  }

  /** Requests sent so far, retries included. */
  get requests(): number {
    return this.#sender.requests;
  }

  /** Requests that are not answered yet. */
  get openRequests(): number {
    return this.#sender.openRequests;
  }

  /**
   * Calls the queue and reads its answer.
   *
   * @throws EtlError once retries are exhausted or where there is no use in any; the signal's reason where it is aborted
   */
  call<T>(call: Call<T>): Promise<T> {
    const { signal, queryAfter } = call;
    let { query } = call;
    const goesOn = (failure: EtlError) => {
      if (queryAfter !== undefined) query = queryAfter(failure);
      return failure.retryable && !(call.unreadableEnds === true && failure.kind === "protocol");
    };
    const tries = () => withRetries(() => this.#try(call, query), this.#retry, signal, goesOn);
    return signal === undefined ? tries() : endedBy(signal, tries);
  }

  #try<T>({ operation, timeoutMillis, signal, read }: Call<T>, query: Query): Promise<T> {
    const { region, host, requestUrl, queue } = this.#endpoint;
    return this.#sender.send({
      operation,
      region,
      host,
      request: {
        method: "POST",
        url: requestUrl,
        headers: queryHeaders,
        body: encodeQuery(query, queue.href),
      },
      mostBytes,
      timeoutMillis,
      signal,
      take: (answer) => answer.text(),
      read: (text) => {
        if (text === undefined) throw tooLong();
        return read(text);
      },
      refused: (refusal) => {
        throw answeredError(refusal);
      },
    });
  }
}

function tooLong(): EtlError {
  return new EtlError({
    kind: "protocol",
    operation: "read answer",
    message: "the answer is longer than any that SQS gives",
    hint: "check that the queue URL leads to SQS",
  });
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
