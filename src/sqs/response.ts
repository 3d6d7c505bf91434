/** Reads what SQS answers: messages, the fate of each entry of a batch, the queue's attributes, an error's code. */

import { hash } from "node:crypto";
import { EtlError } from "../errors.ts";
import type { Message } from "../pipeline/message.ts";
import type { Action, BatchAction } from "./query.ts";
import { XmlReader } from "./xml.ts";

/** What became of the entries of a batch call. */
export interface BatchAnswer {
  /** Ids of the entries that went through. */
  readonly succeeded: ReadonlySet<string>;
  /** Ids of the entries that failed for what was sent: they would fail again. Others, in neither set, may not. */
  readonly refused: ReadonlySet<string>;
}

/**
 * Reads the answer to `ReceiveMessage`.
 *
 * @throws EtlError of kind protocol, retryable, where it is not one
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
export function readMessages(text: string): readonly Message[] {
  const messages: Message[] = [];
  readResult(text, "ReceiveMessage", (reader, element) => {
    if (element === "Message") messages.push(readMessage(reader));
    else reader.skip();
  });
  return messages;
}

/** Reads the answer to a batch call: a 200 that may hold failures. */
export function readBatch(text: string, action: BatchAction): BatchAnswer {
  const succeeded = new Set<string>();
  const refused = new Set<string>();
  readResult(text, action, (reader, element) => {
    if (element === `${action}ResultEntry`) succeeded.add(required(readTexts(reader), "Id"));
    else if (element === "BatchResultErrorEntry") {
      const failure = readTexts(reader);
      const senderFault = failure.get("SenderFault") === "true";
      if (senderFault || failure.get("Code") === "ReceiptHandleIsInvalid")
        refused.add(required(failure, "Id"));
    } else reader.skip();
  });
  return { succeeded, refused };
}

/** Reads the answer to `GetQueueAttributes`: values by name. */
export function readAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  readResult(text, "GetQueueAttributes", (reader, element) => {
    if (element === "Attribute") readAttribute(reader, attributes);
    else reader.skip();
  });
  return attributes;
}

/** The code in an error's body; undefined where the body is not SQS's or the code not a plain word. */
export function readErrorCode(text: string): string | undefined {
  try {
    const reader = new XmlReader(text);
    if (reader.root() !== "ErrorResponse") return undefined;
    for (let element = reader.child(); element !== undefined; element = reader.child()) {
      if (element !== "Error") reader.skip();
      else
        for (let part = reader.child(); part !== undefined; part = reader.child()) {
          if (part === "Code") return /^[A-Za-z0-9._]{1,100}$/.exec(reader.text().trim())?.[0];
          reader.skip();
        }
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** Walks over the children of the answer's `…Result`, from the first character of the answer to its last. */
function readResult(
  text: string,
  action: Action,
  onChild: (reader: XmlReader, element: string) => void,
): void {
  const reader = new XmlReader(text);
  let found = false;
  if (reader.root() !== `${action}Response`) throw unexpected();
  for (let part = reader.child(); part !== undefined; part = reader.child()) {
    if (part !== `${action}Result`) reader.skip();
    else {
      found = true;
      for (let element = reader.child(); element !== undefined; element = reader.child())
        onChild(reader, element);
    }
  }
  reader.end();
  if (!found) throw unexpected();
}

function readMessage(reader: XmlReader): Message {
  const attributes = new Map<string, string>();
  const texts = readTexts(reader, attributes);
  const body = required(texts, "Body");
  return {
    messageId: required(texts, "MessageId"),
    receiptHandle: required(texts, "ReceiptHandle"),
    sentAtMillis: readInteger(required(attributes, "SentTimestamp")),
    receiveCount: readInteger(required(attributes, "ApproximateReceiveCount")),
    body,
    bodyIntact: hash("md5", body) === required(texts, "MD5OfBody").toLowerCase(),
  };
}

/** The elements that hold only text and are read; what else SQS sends, now or later, is passed over. */
const textElements = new Set([
  "MessageId",
  "ReceiptHandle",
  "MD5OfBody",
  "Body",
  "Id",
  "Code",
  "SenderFault",
]);

function readTexts(reader: XmlReader, attributes?: Map<string, string>): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (textElements.has(element)) texts.set(element, reader.text());
    else if (attributes !== undefined && element === "Attribute") readAttribute(reader, attributes);
    else reader.skip();
  }
  return texts;
}

function readAttribute(reader: XmlReader, attributes: Map<string, string>): void {
  let name: string | undefined;
  let value: string | undefined;
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (element === "Name") name = reader.text();
    else if (element === "Value") value = reader.text();
    else reader.skip();
  }
  if (name === undefined || value === undefined) throw unexpected();
  attributes.set(name, value);
}

function required(texts: ReadonlyMap<string, string>, name: string): string {
  const text = texts.get(name);
  if (text === undefined) throw unexpected();
  return text;
}

/** A whole number of at most 15 digits, which a double holds exactly. */
function readInteger(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw unexpected();
  return Number(text);
}

function unexpected(): EtlError {
  return new EtlError({
    kind: "protocol",
    operation: "read answer",
    message: "the queue's answer is XML, but not what SQS answers",
    hint: "check that the queue URL leads to SQS, ElasticMQ or LocalStack",
    retryable: true,
  });
}
