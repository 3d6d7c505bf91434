/** The way back of a dead letter: to the queue that it came from, as its sender wrote it. */

import type { Message } from "../message/message.ts";
import { returnOperation } from "./error-meanings.ts";
import { openQueueClient, type SqsQueueParts } from "./queue-client.ts";
import { rejectionAttribute, sendWhole } from "./whole-messages.ts";

/** The queue that dead letters go back to. */
export interface ReturnQueue {
  /**
   * Sends copies of up to 10 messages, whole, without what was added when they were rejected. Each gets a new id. In a
   * FIFO queue it keeps its group, and one that is sent twice within five minutes arrives once.
   *
   * @returns the indexes of those that were accepted; what does not fit SQS's limits is not sent and is not among them
   * @throws EtlError where none was accepted; a copy may have arrived all the same, so copies are at-least-once
   */
  send(messages: readonly Message[]): Promise<ReadonlySet<number>>;
}

/** What a dead letter says of its rejection. */
export interface LetterOrigin {
  /** The reason of the rejection; undefined where nothing like one is said. */
  readonly reason: string | undefined;
  /** The ARN of the queue that it was rejected from. */
  readonly queue: string;
  /** What that queue knew it by. */
  readonly messageId: string;
  readonly sentAtMillis: number;
}

/**
 * Opens the queue. Nothing is sent yet.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function createSqsReturnQueue(parts: SqsQueueParts): ReturnQueue {
  const queue = openQueueClient(parts);
  return {
    send: (messages) =>
      sendWhole(
        queue,
        returnOperation,
        messages.map((message) => ({ message })),
      ),
  };
}

/** What the message's attribute says, where etl moved it here; undefined where a redrive policy did. */
export function readOrigin({ attributes = [] }: Message): LetterOrigin | undefined {
  const text = attributes.find(({ name }) => name === rejectionAttribute)?.value;
  if (text === undefined) return undefined;
  let origin: unknown;
  try {
    origin = JSON.parse(text);
  } catch {
    return undefined; // Any sender can write an attribute of that name.
  }
  if (typeof origin !== "object" || origin === null) return undefined;
  const { reason, queue, messageId, sentAt } = origin as Readonly<Record<string, unknown>>;
  const sentAtMillis = typeof sentAt === "string" ? Date.parse(sentAt) : Number.NaN;
  if (typeof queue !== "string" || typeof messageId !== "string" || !isSentTime(sentAtMillis))
    return undefined;
  return { reason: isWord(reason) ? reason : undefined, queue, messageId, sentAtMillis };
}

/** From 1970 to 9999, as the ledger's times are; not so for NaN. */
function isSentTime(millis: number): boolean {
  return millis >= 0 && millis < Date.UTC(10_000, 0);
}

/** As every reason is: what is longer, or of other characters, was not written by etl, and may be anything. */
function isWord(reason: unknown): reason is string {
  return typeof reason === "string" && /^[a-zA-Z0-9_]{1,60}$/.test(reason);
}
