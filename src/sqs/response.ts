/** Reads what SQS answers: messages, the fate of a batch's entries, a queue's attributes. */

import { readResult, readTexts, required } from "../aws/query-protocol.ts";
import { UnreadableAnswer, type XmlReader } from "../aws/xml.ts";
import type { Message, MessageAttribute } from "../message/message.ts";
import { staleHandleCodes } from "./errors.ts";
import type { BatchAction } from "./query.ts";

/**
 * Reads the answer to `ReceiveMessage`.
 *
 * @param withAttributes whether the senders' attributes were asked for
 * @throws UnreadableAnswer if it is not one
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
export function readMessages(text: string, withAttributes = false): readonly Message[] {
  const messages: Message[] = [];
  readResult(text, "ReceiveMessage", (reader, element) => {
    if (element === "Message") messages.push(readMessage(reader, withAttributes));
    else reader.skip();
  });
  return messages;
}

function readMessage(reader: XmlReader, withAttributes: boolean): Message {
  let messageId: string | undefined;
  let receiptHandle: string | undefined;
  let md5: string | undefined;
  let body: string | undefined;
  let sentAt: string | undefined;
  let receiveCount: string | undefined;
  let groupId: string | undefined;
  const attributes: MessageAttribute[] = [];
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (element === "MessageId") messageId = reader.text();
    else if (element === "ReceiptHandle") receiptHandle = reader.text();
    else if (element === "MD5OfBody") md5 = reader.text();
    else if (element === "Body") body = reader.text();
    else if (element === "Attribute") {
      const { name, value } = readAttribute(reader);
      if (name === "SentTimestamp") sentAt = value;
      else if (name === "ApproximateReceiveCount") receiveCount = value;
      else if (name === "MessageGroupId") groupId = value;
    } else if (element === "MessageAttribute" && withAttributes)
      attributes.push(readMessageAttribute(reader));
    else reader.skip();
  }
  if (messageId === undefined || receiptHandle === undefined) throw new UnreadableAnswer();
  if (body === undefined || md5 === undefined) throw new UnreadableAnswer();
  if (sentAt === undefined || receiveCount === undefined) throw new UnreadableAnswer();
  return {
    messageId: owned(messageId),
    receiptHandle: owned(receiptHandle),
    sentAtMillis: readInteger(sentAt),
    receiveCount: readInteger(receiveCount),
    ...(groupId === undefined ? {} : { groupId: owned(groupId) }),
    body,
    bodyIntact: Bun.MD5.hash(body, "hex") === md5.toLowerCase(),
    ...(withAttributes ? { attributes } : {}),
  };
}

const valueTexts = new Set(["DataType", "StringValue", "BinaryValue"]);

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html */
function readMessageAttribute(reader: XmlReader): MessageAttribute {
  let name: string | undefined;
  const texts = new Map<string, string>();
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (element === "Name") name = reader.text();
    else if (element === "Value") readTexts(reader, valueTexts, texts);
    else reader.skip();
  }
  const value = texts.get("StringValue") ?? texts.get("BinaryValue");
  if (name === undefined || value === undefined) throw new UnreadableAnswer();
  return { name, dataType: required(texts, "DataType"), value };
}

/** The members of the object that a text is in JSON; undefined if it is none. */
export function jsonMembers(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Larger than any id or handle that SQS makes. */
const scratch = Buffer.alloc(8 * 1024);

/**
 * The text with characters of its own. A piece cut out of an answer keeps the whole answer in memory, bodies
 * included, and these few outlive the body: they are needed until the delete.
 */
function owned(text: string): string {
  // A character takes up to three bytes for each of its UTF-16 units.
  if (3 * text.length > scratch.length) return Buffer.from(text).toString();
  return scratch.toString("utf8", 0, scratch.write(text));
}

/** A whole number of at most 15 digits, which a double holds exactly. */
function readInteger(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new UnreadableAnswer();
  return Number(text);
}

/** What became of the entries of a batch call. */
export interface BatchAnswer {
  /** Ids of the entries that went through. */
  readonly succeeded: ReadonlySet<string>;
  /** Ids of the entries that failed for what was sent: they would fail again. Others, in neither set, may not. */
  readonly refused: ReadonlySet<string>;
}

/**
 * Reads the answer to a batch call: a 200 that may hold failures.
 *
 * @param isRight whether an entry went through as it was sent, by the texts of its answer; counts as refused if not
 */
export function readBatch(
  text: string,
  action: BatchAction,
  isRight: (entry: ReadonlyMap<string, string>) => boolean = () => true,
): BatchAnswer {
  const succeeded = new Set<string>();
  const refused = new Set<string>();
  readResult(text, action, (reader, element) => {
    if (element === `${action}ResultEntry`) {
      const entry = readTexts(reader, entryTexts);
      (isRight(entry) ? succeeded : refused).add(required(entry, "Id"));
    } else if (element === "BatchResultErrorEntry") {
      const failure = readTexts(reader, entryTexts);
      const senderFault = failure.get("SenderFault") === "true";
      if (senderFault || staleHandleCodes.has(failure.get("Code") ?? ""))
        refused.add(required(failure, "Id"));
    } else reader.skip();
  });
  return { succeeded, refused };
}

/** Reads the answer to `GetQueueAttributes`: values by name. */
export function readAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  readResult(text, "GetQueueAttributes", (reader, element) => {
    if (element !== "Attribute") reader.skip();
    else {
      const { name, value } = readAttribute(reader);
      attributes.set(name, value);
    }
  });
  return attributes;
}

/** What is read of a batch's entry; what else SQS sends, now or later, is passed over. */
const entryTexts = new Set(["Id", "MD5OfMessageBody", "Code", "SenderFault"]);

/** Reads an element that holds a name and a value, and leaves it. */
function readAttribute(reader: XmlReader): { name: string; value: string } {
  let name: string | undefined;
  let value: string | undefined;
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (element === "Name") name = reader.text();
    else if (element === "Value") value = reader.text();
    else reader.skip();
  }
  if (name === undefined || value === undefined) throw new UnreadableAnswer();
  return { name, value };
}
