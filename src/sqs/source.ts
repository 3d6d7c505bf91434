/** The queue as the drain sees it: receives, deletes, and changes of visibility. */

import type { CredentialSource } from "../aws/credentials.ts";
import type { Message } from "../message/message.ts";
import type { ReceiveOptions, SettleResult, Source } from "../polling/ports.ts";
import { askAttributes } from "./attributes.ts";
import { isHeldOff, staleHandleCodes } from "./errors.ts";
import { type BatchQuery, changeVisibilityBatch, deleteMessageBatch, receiveMessage } from "./query.ts";
import { QueueClient, type SqsQueueParts } from "./queue-client.ts";
import { readMessages } from "./response.ts";

/** What an answer is taken to hold that does not state its length: ten messages of 1 MiB. */
const usualMostBytes = 10 * 1024 * 1024;

/** What {@link createSqsSource} needs. */
export interface SqsSourceParts extends SqsQueueParts {
  /** Whether messages are to come with their senders' attributes. @defaultValue false */
  readonly withAttributes?: boolean | undefined;
}

/** A queue to drain, and what it is asked with. */
export interface SqsSource extends Source {
  readonly credentials: CredentialSource;
  /** Calls that are not over. */
  readonly openRequests: number;
}

/**
 * Opens a queue to drain. Nothing is sent yet, and credentials are looked for only when something is.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function createSqsSource(parts: SqsSourceParts): SqsSource {
  const { withAttributes, now, random } = parts;
  const queue = new QueueClient(parts);

  /** Unlike any other's, also of another process: SQS hands both what one of them was to be handed otherwise. */
  function newAttemptId(): string {
    const part = () => Math.floor(random() * 2 ** 32).toString(16);
    return [now(), part(), part(), part()].join("-");
  }

  function receive({ maxMessages, waitSeconds, signal, admit }: ReceiveOptions): Promise<readonly Message[]> {
    let attemptId = queue.fifo ? newAttemptId() : undefined;
    return queue.call({
      operation: "receive",
      query(failure) {
        // The same attempt if its answer is lost. SQS does not take one again that it has throttled.
        if (attemptId && failure && isHeldOff(failure)) attemptId = newAttemptId();
        return receiveMessage(maxMessages, waitSeconds, { attemptId, withAttributes });
      },
      read: (text) => readMessages(text, withAttributes),
      // A FIFO queue hands the same attempt the same messages again.
      unreadableEnds: !queue.fifo,
      heldMillis: waitSeconds * 1000,
      signal,
      admit: admit && ((bytes = usualMostBytes) => admit(bytes)),
    });
  }

  async function settle<T>(
    operation: string,
    entries: readonly T[],
    toQuery: (entries: readonly T[]) => BatchQuery,
  ): Promise<SettleResult> {
    const call = { operation, toQuery, entryCodes: staleHandleCodes };
    const { size: settled } = await queue.callBatch(entries, call);
    return { settled, failed: entries.length - settled };
  }

  return {
    receive,
    delete: (receiptHandles) => settle("delete", receiptHandles, deleteMessageBatch),
    changeVisibility: (changes) => settle("change visibility", changes, changeVisibilityBatch),
    attributes: () => askAttributes(queue),
    credentials: queue.client.credentials,
    get requests() {
      return queue.client.requests;
    },
    get openRequests() {
      return queue.client.openRequests;
    },
  };
}
