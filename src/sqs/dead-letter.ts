/** The queue that rejected messages are moved to: whole copies, each with its rejection beside it. */

import { hash } from "node:crypto";
import type { DeadLetter, DeadLetterQueue } from "../drain/ports.ts";
import { EtlError } from "../errors.ts";
import type { MessageAttribute } from "../pipeline/message.ts";
import { callBatch } from "./batch.ts";
import { deadLetterOperation as operation } from "./error-meanings.ts";
import { isBinary, type Outgoing, sendMessageBatch } from "./query.ts";
import { openQueueClient, type QueueClient, type SqsQueueParts } from "./queue-client.ts";
import { readBatch } from "./response.ts";

/** What {@link createSqsDeadLetterQueue} needs. */
export interface SqsDeadLetterParts extends SqsQueueParts {
  /** The ARN of the queue that the messages come from. Its source has to ask for their attributes. */
  readonly originArn: string;
}

/** The name of the attribute that says why, and from where. */
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
 * How a server refuses a batch for a message in it, or for its whole size where its limit is a lower one. Each message
 * is then sent by itself.
 */
const entryCodes: ReadonlySet<string> = new Set([
  "AWS.SimpleQueueService.BatchRequestTooLong",
  "BatchRequestTooLong",
  "InvalidMessageContents",
  "InvalidParameterValue",
]);

/**
 * Opens the queue for rejected messages. Nothing is sent yet.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function createSqsDeadLetterQueue(parts: SqsDeadLetterParts): DeadLetterQueue {
  return new SqsDeadLetterQueue(openQueueClient(parts), parts.originArn);
}

/** A letter on its way. */
interface Parcel {
  /** Its place among the letters. */
  readonly index: number;
  readonly outgoing: Outgoing;
  readonly bytes: number;
}

class SqsDeadLetterQueue implements DeadLetterQueue {
  readonly #queue: QueueClient;
  readonly #originArn: string;

  constructor(queue: QueueClient, originArn: string) {
    this.#queue = queue;
    this.#originArn = originArn;
  }

  async send(letters: readonly DeadLetter[]): Promise<ReadonlySet<number>> {
    const accepted = new Set<number>();
    try {
      for (const batch of batches(this.#parcels(letters))) {
        for (const place of await this.#sendBatch(batch)) accepted.add(batch[place]?.index ?? -1);
      }
    } catch (error) {
      if (accepted.size === 0) throw error; // Else what has arrived may be deleted; the next call meets the same error.
    }
    return accepted;
  }

  /** The letters that fit. A body that was damaged on its way here is no copy of the one in the queue. */
  #parcels(letters: readonly DeadLetter[]): Parcel[] {
    const parcels: Parcel[] = [];
    for (const [index, letter] of letters.entries()) {
      const outgoing = this.#outgoing(letter);
      const bytes = sizeOf(outgoing);
      const fits = outgoing.attributes.length <= mostAttributes && bytes <= mostBytes;
      if (fits && letter.message.bodyIntact) parcels.push({ index, outgoing, bytes });
    }
    return parcels;
  }

  #outgoing({ message, rejection }: DeadLetter): Outgoing {
    const { messageId, body, groupId, sentAtMillis } = message;
    if (message.attributes === undefined) throw attributesUnknown();
    const { reason, path, column, constraint } = rejection;
    const sentAt = new Date(sentAtMillis).toISOString();
    const value = JSON.stringify({
      reason,
      path,
      column,
      constraint,
      messageId,
      queue: this.#originArn,
      sentAt,
    });
    // One that was sent back from a dead-letter queue has such an attribute already.
    const attributes: MessageAttribute[] = message.attributes.filter(
      ({ name }) => name !== rejectionAttribute,
    );
    attributes.push({ name: rejectionAttribute, dataType: "String", value });
    if (!this.#queue.fifo) return { body, attributes };
    return { body, attributes, fifo: { groupId: groupId ?? messageId, deduplicationId: messageId } };
  }

  #sendBatch(batch: readonly Parcel[]): Promise<ReadonlySet<number>> {
    const { client, retry, timeoutMillis } = this.#queue;
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

function attributesUnknown(): EtlError {
  const message =
    "a message without its attributes cannot be copied whole: its source has not asked for them";
  return new EtlError({ kind: "internal", operation, message });
}
