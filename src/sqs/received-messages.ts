/** Reads the messages out of the answer to a receive. */

import { hash } from "node:crypto";
import type { Message, MessageAttribute } from "../pipeline/message.ts";
import { readAttribute, readResult, required, unexpected } from "./response.ts";
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
  const system = new Map<string, string>();
  const attributes: MessageAttribute[] = [];
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (element === "MessageId") messageId = reader.text();
    else if (element === "ReceiptHandle") receiptHandle = reader.text();
    else if (element === "MD5OfBody") md5 = reader.text();
    else if (element === "Body") body = reader.text();
    else if (element === "Attribute") readAttribute(reader, system);
    else if (element === "MessageAttribute" && withAttributes) attributes.push(readMessageAttribute(reader));
    else reader.skip();
  }
  if (messageId === undefined || receiptHandle === undefined) throw unexpected();
  if (body === undefined || md5 === undefined) throw unexpected();
  const groupId = system.get("MessageGroupId");
  return {
    messageId: owned(messageId),
    receiptHandle: owned(receiptHandle),
    sentAtMillis: readInteger(required(system, "SentTimestamp")),
    receiveCount: readInteger(required(system, "ApproximateReceiveCount")),
    ...(groupId === undefined ? {} : { groupId: owned(groupId) }),
    body,
    bodyIntact: hash("md5", body) === md5.toLowerCase(),
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

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The text with characters of its own. A piece cut out of an answer keeps the whole answer in memory, bodies
 * included, and these few outlive the body: they are needed until the delete.
 */
function owned(text: string): string {
  return decoder.decode(encoder.encode(text));
}

/** A whole number of at most 15 digits, which a double holds exactly. */
function readInteger(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw unexpected();
  return Number(text);
}
