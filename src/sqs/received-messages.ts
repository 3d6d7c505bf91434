/** Reads the messages out of the answer to a receive. */

import type { Message, MessageAttribute } from "../message/message.ts";
import { readAttribute, readResult, unexpected } from "./response.ts";
import type { XmlReader } from "./xml.ts";

/**
 * Reads the answer to `ReceiveMessage`.
 *
 * @param withAttributes whether the senders' attributes were asked for
 * @throws EtlError of kind protocol, retryable, where it is not one
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
  if (messageId === undefined || receiptHandle === undefined) throw unexpected();
  if (body === undefined || md5 === undefined) throw unexpected();
  if (sentAt === undefined || receiveCount === undefined) throw unexpected();
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

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html */
function readMessageAttribute(reader: XmlReader): MessageAttribute {
  let name: string | undefined;
  let dataType: string | undefined;
  let value: string | undefined;
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (element === "Name") name = reader.text();
    else if (element !== "Value") reader.skip();
    else
      for (let part = reader.child(); part !== undefined; part = reader.child()) {
        if (part === "DataType") dataType = reader.text();
        else if (part === "StringValue" || part === "BinaryValue") value = reader.text();
        else reader.skip();
      }
  }
  if (name === undefined || dataType === undefined || value === undefined) throw unexpected();
  return { name, dataType, value };
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
  if (!/^[0-9]{1,15}$/.test(text)) throw unexpected();
  return Number(text);
}
