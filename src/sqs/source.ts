/** The queue as the drain sees it: the first and the last station of a message's way. */

import type { Clock, QueueAttributes, ReceiveOptions, SettleResult, Source } from "../drain/ports.ts";
import type { Message } from "../pipeline/message.ts";
import { toQueueAttributes } from "./attributes.ts";
import { SqsClient } from "./client.ts";
import { createCredentialSource } from "./credentials.ts";
import { type QueueLocation, resolveEndpoint } from "./endpoint.ts";
import {
  type BatchQuery,
  deleteMessageBatch,
  getQueueAttributes,
  makeVisibleBatch,
  receiveMessage,
} from "./query.ts";
import { type BatchAnswer, readAttributes, readBatch, readMessages } from "./response.ts";
import { defaultRetryPolicy, Retries, type RetryParts, type RetryPolicy } from "./retry.ts";
import { readCaBundle } from "./trust.ts";

/** What {@link createSqsSource} needs. */
export interface SqsSourceParts {
  readonly queue: QueueLocation;
  /** For credentials and `AWS_CA_BUNDLE`. Proxies, and profiles, are read from the process's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** @defaultValue {@link defaultRetryPolicy} */
  readonly retryPolicy?: RetryPolicy | undefined;
  /** What a call may take beyond the time a poll is held open. @defaultValue 20 seconds */
  readonly timeoutMillis?: number | undefined;
}

const defaultTimeoutMillis = 20_000;

/**
 * Opens a queue. Nothing is sent yet, and credentials are looked for only when something is.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function createSqsSource(parts: SqsSourceParts): Source {
  const { env, clock, now, random } = parts;
  const endpoint = resolveEndpoint(parts.queue);
  const credentials = createCredentialSource({ env, region: endpoint.region, now });
  const retry = { policy: parts.retryPolicy ?? defaultRetryPolicy, clock, random };
  const client = new SqsClient({ endpoint, credentials, retry, now, caBundle: readCaBundle(env) });
  return new SqsSource(client, retry, parts.timeoutMillis ?? defaultTimeoutMillis);
}

class SqsSource implements Source {
  readonly #client: SqsClient;
  readonly #retry: RetryParts;
  readonly #timeoutMillis: number;

  constructor(client: SqsClient, retry: RetryParts, timeoutMillis: number) {
    this.#client = client;
    this.#retry = retry;
    this.#timeoutMillis = timeoutMillis;
  }

  get requests(): number {
    return this.#client.requests;
  }

  receive({ maxMessages, waitSeconds, signal }: ReceiveOptions): Promise<readonly Message[]> {
    return this.#client.call({
      operation: "receive",
      query: receiveMessage(maxMessages, waitSeconds),
      read: readMessages,
      timeoutMillis: this.#timeoutMillis + waitSeconds * 1000,
      signal,
    });
  }

  delete(receiptHandles: readonly string[]): Promise<SettleResult> {
    return this.#settle("delete", deleteMessageBatch, receiptHandles);
  }

  release(receiptHandles: readonly string[]): Promise<SettleResult> {
    return this.#settle("release", makeVisibleBatch, receiptHandles);
  }

  async attributes(): Promise<QueueAttributes> {
    return this.#client.call({
      operation: "attributes",
      query: getQueueAttributes(),
      read: (text) => toQueueAttributes(readAttributes(text)),
      timeoutMillis: this.#timeoutMillis,
    });
  }

  /** Sends the batch, then again what failed of it, until nothing is left or there is no use in going on. */
  async #settle(
    operation: string,
    toQuery: (receiptHandles: readonly string[]) => BatchQuery,
    receiptHandles: readonly string[],
  ): Promise<SettleResult> {
    const retries = new Retries(this.#retry);
    let pending = receiptHandles;
    let settled = 0;
    while (pending.length > 0) {
      const query = toQuery(pending);
      let answer: BatchAnswer;
      try {
        const read = (text: string) => readBatch(text, query.action);
        answer = await this.#client.call({ operation, query, read, timeoutMillis: this.#timeoutMillis });
      } catch (error) {
        if (pending === receiptHandles) throw error;
        break; // What the tries before this one settled stays counted.
      }
      const { succeeded, refused } = answer;
      const failed = pending.filter((_, index) => !succeeded.has(String(index)));
      settled += pending.length - failed.length;
      pending = pending.filter((_, index) => !succeeded.has(String(index)) && !refused.has(String(index)));
      if (pending.length > 0 && !(await retries.next())) break;
    }
    return { settled, failed: receiptHandles.length - settled };
  }
}
