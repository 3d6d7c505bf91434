/** Sends messages whole to another queue: as many of a call as SQS takes, and each accepted as it was sent. */

import { hash } from "node:crypto";
import { EtlError } from "../errors.ts";
import type { Message, MessageAttribute } from "../message/message.ts";
import { callBatch } from "./batch.ts";
import { isBinary, type Outgoing, sendMessageBatch } from "./query.ts";
import type { QueueClient } from "./queue-client.ts";
import { readBatch } from "./response.ts";

/** The name of the attribute that says why a message was rejected, and from which queue it came. */
export const rejectionAttribute = "etl-rejection";

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
 * How a server refuses a batch for a message in it, or for its whole size where its limit is a lower one. Each message
 * is then sent by itself.
 */
const entryCodes: ReadonlySet<string> = new Set([
  "AWS.SimpleQueueService.BatchRequestTooLong",
  "BatchRequestTooLong",
  "InvalidMessageContents",
  "InvalidParameterValue",
]);

/** A message to be sent on. */
export interface WholeMessage {
  readonly message: Message;
  /** Added to the attributes of its sender. */
  readonly rejection?: MessageAttribute | undefined;
}

/** A message on its way. */
interface Parcel {
  /** Its place among the messages. */
  readonly index: number;
  readonly outgoing: Outgoing;
  readonly bytes: number;
}

/**
 * Sends copies of up to 10 messages.
 *
 * @param operation what it is for, as errors name it
 * @returns the indexes of those that were accepted; what does not fit SQS's limits is not sent and is not among them
 * @throws EtlError where none was accepted; a copy may have arrived all the same
 */
export async function sendWhole(
  queue: QueueClient,
  operation: string,
  messages: readonly WholeMessage[],
): Promise<ReadonlySet<number>> {
  const accepted = new Set<number>();
  try {
    for (const batch of batches(parcelsOf(queue, operation, messages))) {
      for (const place of await sendBatch(queue, operation, batch)) accepted.add(batch[place]?.index ?? -1);
    }
  } catch (error) {
    if (accepted.size === 0) throw error; // Else what has arrived may be deleted; the next call meets the same error.
  }
  return accepted;
}

/** The messages that fit. A body that was damaged on its way here is no copy of the one in the queue. */
function parcelsOf(queue: QueueClient, operation: string, messages: readonly WholeMessage[]): Parcel[] {
  const parcels: Parcel[] = [];
  for (const [index, whole] of messages.entries()) {
    const outgoing = outgoingOf(queue, operation, whole);
    const bytes = sizeOf(outgoing);
    const fits = outgoing.attributes.length <= mostAttributes && bytes <= mostBytes;
    if (fits && whole.message.bodyIntact) parcels.push({ index, outgoing, bytes });
  }
  return parcels;
}

function outgoingOf(
  { fifo }: QueueClient,
  operation: string,
  { message, rejection }: WholeMessage,
): Outgoing {
  const { messageId, body, groupId } = message;
  if (message.attributes === undefined) throw attributesUnknown(operation);
  // One that was rejected before may have such an attribute already, and loses it.
  const attributes = message.attributes.filter(({ name }) => name !== rejectionAttribute);
  if (rejection !== undefined) attributes.push(rejection);
  if (!fifo) return { body, attributes };
  return { body, attributes, fifo: { groupId: groupId ?? messageId, deduplicationId: messageId } };
}

function sendBatch(
  { client, retry, timeoutMillis }: QueueClient,
  operation: string,
  batch: readonly Parcel[],
): Promise<ReadonlySet<number>> {
  const send = (parcels: readonly Parcel[]) => {
    const query = sendMessageBatch(parcels.map(({ outgoing }) => outgoing));
    const isRight = (entry: ReadonlyMap<string, string>) => {
      const sent = parcels[Number(entry.get("Id"))];
      return sent !== undefined && entry.get("MD5OfMessageBody") === hash("md5", sent.outgoing.body);
    };
    const read = (text: string) => readBatch(text, query.action, isRight);
    return client.call({ operation, query, read, timeoutMillis });
  };
  return callBatch(batch, { send, entryCodes, retry });
}

/** Groups the parcels, in order, so that no group holds more than a batch may. */
function batches(parcels: readonly Parcel[]): Parcel[][] {
  const groups: Parcel[][] = [];
  let bytes = 0;
  for (const parcel of parcels) {
    const last = groups.at(-1);
    if (last === undefined || bytes + parcel.bytes > mostBytes) {
      groups.push([parcel]);
      bytes = parcel.bytes;
    } else {
      last.push(parcel);
      bytes += parcel.bytes;
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

function attributesUnknown(operation: string): EtlError {
  const message =
    "a message without its attributes cannot be copied whole: its source has not asked for them";
  return new EtlError({ kind: "internal", operation, message });
}
