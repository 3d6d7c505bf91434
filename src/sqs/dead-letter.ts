/** Queues that messages are sent to whole: the dead-letter queue, each copy with its rejection, and the way back. */

import { hash } from "node:crypto";
import type { ServiceErrors } from "../aws/errors.ts";
import { EtlError } from "../errors.ts";
import type { Message, MessageAttribute } from "../message/message.ts";
import type { DeadLetter, DeadLetterQueue, QueueAttributes } from "../polling/ports.ts";
import { askAttributes } from "./attributes.ts";
import { deadLetterAttributesErrors, deadLetterErrors, returnErrors } from "./errors.ts";
import { isBinary, type Outgoing, sendMessageBatch } from "./query.ts";
import { QueueClient, type SqsQueueParts } from "./queue-client.ts";
import { jsonMembers } from "./response.ts";

/** The name of the attribute that says why a message was rejected, and from which queue it came. */
const rejectionAttribute = "etl-rejection";

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const mostAttributes = 10;

/**
 * What one message may hold, its attributes included, and what all messages of a batch may hold together: 1 MiB since
 * August 2025, 256 KiB before.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
 */
const mostBytes = 1024 * 1024;

/**
 * How a server refuses a batch for a message in it, or for its whole size if its limit is a lower one. Each message
 * is then sent by itself.
 */
const entryCodes: ReadonlySet<string> = new Set([
  "AWS.SimpleQueueService.BatchRequestTooLong",
  "BatchRequestTooLong",
  "InvalidMessageContents",
  "InvalidParameterValue",
]);

/** What {@link createSqsDeadLetterQueue} needs. */
export interface SqsDeadLetterParts extends SqsQueueParts {
  /** The ARN of the queue that the messages come from. Its source has to ask for their attributes. */
  readonly originArn: string;
}

/**
 * Opens the queue for rejected messages. Nothing is sent yet.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function createSqsDeadLetterQueue(parts: SqsDeadLetterParts): DeadLetterQueue {
  const queue = new QueueClient(parts);
  const sending = { operation: "send to the dead-letter queue", errors: deadLetterErrors };
  return { send: (letters) => sendWhole(queue, sending, letters, parts.originArn) };
}

/**
 * What the queue for rejected messages says of itself.
 *
 * @throws EtlError, whose sentences tell this queue from the one that is drained
 */
export async function readDeadLetterAttributes(parts: SqsQueueParts): Promise<QueueAttributes> {
  return askAttributes(new QueueClient(parts), deadLetterAttributes);
}

/** How the dead-letter queue is asked for its attributes: what it lacks is another queue's. */
export const deadLetterAttributes = {
  operation: "attributes of the dead-letter queue",
  errors: deadLetterAttributesErrors,
};

/** The queue that dead letters go back to. */
export interface ReturnQueue {
  /**
   * Sends copies of up to 10 messages, whole, without what was added when they were rejected. Each gets a new id. In a
   * FIFO queue it keeps its group, and one that is sent twice within five minutes arrives once.
   *
   * @returns the indexes of those that were accepted; what does not fit SQS's limits is not sent and is not among them
   * @throws EtlError if none was accepted; a copy may have arrived all the same, so copies are at-least-once
   */
  send(messages: readonly Message[]): Promise<ReadonlySet<number>>;
}

/** What a dead letter says of its rejection. */
export interface LetterOrigin {
  /** The reason of the rejection; undefined if nothing like one is said. */
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
  const queue = new QueueClient(parts);
  const sending = { operation: "send back to the queue", errors: returnErrors };
  return {
    send(messages) {
      const letters = messages.map((message) => ({ message }));
      return sendWhole(queue, sending, letters);
    },
  };
}

/** What the message's attribute says, if etl moved it here; undefined if a redrive policy did. */
export function readOrigin({ attributes = [] }: Message): LetterOrigin | undefined {
  const text = attributes.find(({ name }) => name === rejectionAttribute)?.value;
  // Any sender can write an attribute of that name.
  const { reason, queue, messageId, sentAt } = jsonMembers(text ?? "") ?? {};
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

/** A message on its way. */
interface Parcel {
  /** Its place among the messages. */
  readonly index: number;
  readonly outgoing: Outgoing;
  readonly bytes: number;
}

/** Sends copies of up to 10 messages, as {@link ReturnQueue} promises it, and with their rejections if they have any. */
async function sendWhole(
  queue: QueueClient,
  sending: { readonly operation: string; readonly errors: ServiceErrors },
  letters: readonly (Pick<DeadLetter, "message"> & Partial<DeadLetter>)[],
  originArn = "",
): Promise<ReadonlySet<number>> {
  const parcels: Parcel[] = [];
  for (const [index, { message, rejection }] of letters.entries()) {
    if (message.attributes === undefined) throw attributesUnknown(sending.operation);
    // One that was rejected before may have such an attribute already, and loses it.
    const attributes = message.attributes.filter(({ name }) => name !== rejectionAttribute);
    if (rejection !== undefined) attributes.push(attributeOf({ message, rejection }, originArn));
    const { messageId, body, groupId = messageId, bodyIntact } = message;
    const fifo = queue.fifo ? { groupId, deduplicationId: messageId } : undefined;
    const outgoing = { body, attributes, fifo };
    const bytes = sizeOf(outgoing);
    // A body that was damaged on its way here is no copy of the one in the queue.
    const fits = attributes.length <= mostAttributes && bytes <= mostBytes;
    if (fits && bodyIntact) parcels.push({ index, outgoing, bytes });
  }
  const call = {
    ...sending,
    entryCodes,
    toQuery: (some: readonly Parcel[]) => sendMessageBatch(some.map(({ outgoing }) => outgoing)),
    isRight: ({ outgoing }: Parcel, answer: ReadonlyMap<string, string>) =>
      answer.get("MD5OfMessageBody") === hash("md5", outgoing.body),
  };
  const accepted = new Set<number>();
  try {
    for (const batch of batches(parcels)) {
      for (const place of await queue.callBatch(batch, call)) accepted.add(batch[place]?.index ?? -1);
    }
  } catch (error) {
    if (accepted.size === 0) throw error; // Else what has arrived may be deleted; the next call meets the same error.
  }
  return accepted;
}

/** Says why the message was rejected, and where it came from. */
function attributeOf({ message, rejection }: DeadLetter, queue: string): MessageAttribute {
  const { reason, path, column, constraint } = rejection;
  const { messageId, sentAtMillis } = message;
  const sentAt = new Date(sentAtMillis).toISOString();
  const value = JSON.stringify({ reason, path, column, constraint, messageId, queue, sentAt });
  return { name: rejectionAttribute, dataType: "String", value };
}

function attributesUnknown(operation: string): EtlError {
  const message =
    "a message without its attributes cannot be copied whole: its source has not asked for them";
  return new EtlError({ kind: "internal", operation, message });
}

/** Groups the parcels, in order, so that no group holds more than a batch may. */
function batches(parcels: readonly Parcel[]): Parcel[][] {
  const groups: Parcel[][] = [];
  let bytes = 0;
  for (const parcel of parcels) {
    bytes += parcel.bytes;
    if (groups.length > 0 && bytes <= mostBytes) groups.at(-1)?.push(parcel);
    else {
      groups.push([parcel]);
      bytes = parcel.bytes;
    }
  }
  return groups;
}

/** In bytes, as SQS counts: the body, and each attribute's name, type and value. */
function sizeOf({ body, attributes }: Outgoing): number {
  let bytes = Buffer.byteLength(body);
  for (const { name, dataType, value } of attributes) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(dataType);
    bytes += Buffer.byteLength(value, isBinary(dataType) ? "base64" : "utf8");
  }
  return bytes;
}
