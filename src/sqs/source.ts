/** The queue as the drain sees it: receives, deletes, and changes of visibility. */

import type { CredentialSource } from "../aws/credentials.ts";
import type { EtlError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type {
  QueueAttributes,
  ReceiveOptions,
  SettleResult,
  Source,
  VisibilityChange,
} from "../polling/ports.ts";
import { askAttributes } from "./attributes.ts";
import { isHeldOff, staleHandleCodes } from "./errors.ts";
import { type BatchQuery, changeVisibilityBatch, deleteMessageBatch, receiveMessage } from "./query.ts";
import { QueueClient, type SqsQueueParts } from "./queue-client.ts";
import { readMessages } from "./response.ts";

/** What {@link createSqsSource} needs. */
export interface SqsSourceParts extends SqsQueueParts {
  /** Whether messages are to come with their senders' attributes. @defaultValue false */
  readonly withAttributes?: boolean | undefined;
}

/** A queue to drain, and what it is asked with. */
export interface SqsSource extends Source {
  readonly credentials: CredentialSource;
  /** Requests that are not answered yet. */
  readonly openRequests: number;
}

/**
 * Opens a queue to drain. Nothing is sent yet, and credentials are looked for only when something is.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function createSqsSource(parts: SqsSourceParts): SqsSource {
  return new QueueSource(new QueueClient(parts), parts);
}

class QueueSource implements SqsSource {
  readonly #queue: QueueClient;
  readonly #parts: Pick<SqsSourceParts, "withAttributes" | "now" | "random">;

  constructor(queue: QueueClient, parts: Pick<SqsSourceParts, "withAttributes" | "now" | "random">) {
    this.#queue = queue;
    this.#parts = parts;
  }

  get credentials(): CredentialSource {
    return this.#queue.client.credentials;
  }

  get requests(): number {
    return this.#queue.client.requests;
  }

  get openRequests(): number {
    return this.#queue.client.openRequests;
  }

  receive({ maxMessages, waitSeconds, signal }: ReceiveOptions): Promise<readonly Message[]> {
    const { fifo } = this.#queue;
    const { withAttributes } = this.#parts;
    const newAttempt = () => {
      const attemptId = fifo ? this.#newAttemptId() : undefined;
      return receiveMessage(maxMessages, waitSeconds, { attemptId, withAttributes });
    };
    let query = newAttempt();
    const queryAfter = (failure: EtlError) => {
      // The same attempt if its answer is lost. SQS does not take one again that it has throttled.
      if (isHeldOff(failure)) query = newAttempt();
      return query;
    };
    return this.#queue.call({
      operation: "receive",
      query,
      queryAfter: fifo ? queryAfter : undefined,
      read: (text) => readMessages(text, withAttributes),
      // A FIFO queue hands the same attempt the same messages again.
      unreadableEnds: !fifo,
      heldMillis: waitSeconds * 1000,
      signal,
    });
  }

  delete(receiptHandles: readonly string[]): Promise<SettleResult> {
    return this.#settle("delete", receiptHandles, deleteMessageBatch);
  }

  changeVisibility(changes: readonly VisibilityChange[]): Promise<SettleResult> {
    return this.#settle("change visibility", changes, changeVisibilityBatch);
  }

  attributes(): Promise<QueueAttributes> {
    return askAttributes(this.#queue);
  }

  async #settle<T>(
    operation: string,
    entries: readonly T[],
    toQuery: (entries: readonly T[]) => BatchQuery,
  ): Promise<SettleResult> {
    const call = { operation, toQuery, entryCodes: staleHandleCodes };
    const { size: settled } = await this.#queue.callBatch(entries, call);
    return { settled, failed: entries.length - settled };
  }

  /** Unlike any other's, also of another process: SQS hands both what one of them was to be handed otherwise. */
  #newAttemptId(): string {
    const { now, random } = this.#parts;
    const part = () => Math.floor(random() * 2 ** 32).toString(16);
    return [now(), part(), part(), part()].join("-");
  }
}
