/** Calls one queue: its endpoint, and the batch calls whose entries each have a fate of their own. */

import { type ClientParts, type ServiceCall, ServiceClient } from "../aws/client.ts";
import { asText, formRequest } from "../aws/query-protocol.ts";
import { Retries } from "../aws/retry.ts";
import { EtlError } from "../errors.ts";
import { queueErrors, sqs } from "./errors.ts";
import { type BatchQuery, encodeQuery, type Query } from "./query.ts";
import { type Endpoint, type QueueLocation, resolveEndpoint } from "./queue-url.ts";
import { type BatchAnswer, readBatch } from "./response.ts";

/** What a queue needs, whether it is received from or sent to. */
export interface SqsQueueParts extends ClientParts {
  readonly queue: QueueLocation;
}

type Common = "operation" | "admit" | "heldMillis" | "signal" | "unreadableEnds" | "refused";

/** One call. */
export interface QueueCall<T> extends Pick<ServiceCall<string, T>, Common> {
  /** What to ask for: asked for at first, and after each try that failed. */
  readonly query: (failure?: EtlError) => Query;
  /** @defaultValue what refusals mean of the queue that is drained */
  readonly errors?: ServiceCall<string, T>["errors"] | undefined;
  /** Reads the body of a 200; what it throws counts as the call's failure. */
  readonly read: (text: string) => T;
}

/** How a batch is called. */
export interface BatchCall<T> extends Pick<QueueCall<unknown>, "operation" | "errors"> {
  /** Asks for the entries, whose ids are their places in the list. */
  readonly toQuery: (entries: readonly T[]) => BatchQuery;
  /** Codes of a refusal of the whole call that is about one of its entries, and would be of another call too. */
  readonly entryCodes: ReadonlySet<string>;
  /** Whether an entry went through as it was sent, by the texts of its answer. @defaultValue always */
  readonly isRight?: ((entry: T, answer: ReadonlyMap<string, string>) => boolean) | undefined;
}

/** A queue, ready to be called. */
export class QueueClient {
  readonly client: ServiceClient;
  readonly endpoint: Endpoint;
  /** By its name, as no other queue's may end so. */
  readonly fifo: boolean;

  /**
   * Nothing is sent yet, and credentials are looked for only when something is.
   *
   * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
   */
  constructor(parts: SqsQueueParts) {
    this.endpoint = resolveEndpoint(parts.queue);
    this.client = new ServiceClient(sqs, this.endpoint.region, parts);
    this.fifo = this.endpoint.queue.name.endsWith(".fifo");
  }

  /** @throws EtlError once retries are exhausted or if there is no use in any; the signal's reason if it is aborted */
  call<T>({ query, errors = queueErrors, ...call }: QueueCall<T>): Promise<T> {
    const { region, host, requestUrl, queue } = this.endpoint;
    return this.client.call({
      ...call,
      errors,
      resource: queue.name,
      region,
      host,
      request: (failure) => formRequest(requestUrl, encodeQuery(query(failure), queue.href)),
      take: asText,
    });
  }

  /**
   * Calls with all entries, then with those that failed and may yet go through, until nothing is left or there is no
   * use in going on. If one entry makes the server refuse the call, each is sent by itself.
   *
   * @returns the indexes of the entries that went through
   * @throws what a call throws that is not about an entry, if no entry has gone through before it
   */
  async callBatch<T>(entries: readonly T[], call: BatchCall<T>): Promise<ReadonlySet<number>> {
    const done = new Set<number>();
    try {
      const spoilt = await this.#callTogether(entries, call, done);
      for (const index of spoilt) await this.#callTogether(entries, call, done, [index]);
    } catch (error) {
      if (done.size === 0) throw error;
    }
    return done;
  }

  /**
   * One round of calls and retries.
   *
   * @param done takes up what went through
   * @returns the entries that were refused together, if it cannot be known for which of them
   */
  async #callTogether<T>(
    entries: readonly T[],
    { operation, errors, toQuery, isRight, entryCodes }: BatchCall<T>,
    done: Set<number>,
    indexes: readonly number[] = [...entries.keys()],
  ): Promise<readonly number[]> {
    const retries = new Retries(this.client.retry);
    let pending = indexes;
    while (pending.length > 0) {
      const sent = pending.map((index) => entries[index] as T);
      const query = toQuery(sent);
      const wasRight = (answer: ReadonlyMap<string, string>) => {
        const entry = sent[Number(answer.get("Id"))];
        return entry !== undefined && isRight?.(entry, answer) === true;
      };
      const read = (text: string) => readBatch(text, query.action, isRight && wasRight);
      let answer: BatchAnswer;
      try {
        answer = await this.call({ operation, errors, query: () => query, read });
      } catch (error) {
        if (!(error instanceof EtlError) || !entryCodes.has(error.code ?? "")) throw error;
        return pending.length > 1 ? pending : [];
      }
      for (const [place, index] of pending.entries())
        if (answer.succeeded.has(String(place))) done.add(index);
      pending = pending.filter((index, place) => !done.has(index) && !answer.refused.has(String(place)));
      if (pending.length > 0 && !(await retries.next())) break;
    }
    return [];
  }
}
