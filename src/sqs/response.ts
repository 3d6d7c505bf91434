/** Reads what SQS answers to all but a receive: the fate of a batch's entries, the queue's attributes, an error's code. */

import { EtlError } from "../errors.ts";
import { attemptOver } from "./error-meanings.ts";
import { staleHandleCodes } from "./errors.ts";
import type { BatchAction } from "./query.ts";
import { XmlReader } from "./xml.ts";

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
      const entry = readTexts(reader);
      (isRight(entry) ? succeeded : refused).add(required(entry, "Id"));
    } else if (element === "BatchResultErrorEntry") {
      const failure = readTexts(reader);
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

/**
 * The code in an error's body; undefined where the body is not SQS's or the code not a plain word.
 *
 * `InvalidParameterValue` is told apart by the parameter that the text names: a receipt handle that has expired reads
 * as `ReceiptHandleIsInvalid`, and a receive that cannot be repeated as {@link attemptOver}.
 */
export function readErrorCode(text: string): string | undefined {
  let code: string | undefined;
  try {
    const reader = new XmlReader(text);
    if (reader.root() !== "ErrorResponse") return undefined;
    for (let element = reader.child(); element !== undefined; element = reader.child()) {
      if (element !== "Error") {
        reader.skip();
        continue;
      }
      for (let part = reader.child(); part !== undefined; part = reader.child()) {
        if (part === "Code") code = /^[A-Za-z0-9._]{1,100}$/.exec(reader.text().trim())?.[0];
        else if (part !== "Message") reader.skip();
        else if (code === "InvalidParameterValue") code = codeOfParameter(reader.text()) ?? code;
        else reader.skip();
      }
      return code;
    }
    return undefined;
  } catch {
    return code; // Stand-ins leave raw markup in the text behind the code.
  }
}

function codeOfParameter(text: string): string | undefined {
  const [, parameter] = /for parameter (ReceiptHandle|ReceiveRequestAttemptId) is invalid/.exec(text) ?? [];
  if (parameter === undefined) return undefined;
  return parameter === "ReceiptHandle" ? "ReceiptHandleIsInvalid" : attemptOver;
}

/**
 * Walks over the children of the answer's `…Result`, from the first character of the answer to its last.
 *
 * @param action by its name, as the answer's elements begin with it
 * @throws EtlError of kind protocol, retryable, where it is not an answer to the action
 */
export function readResult(
  text: string,
  action: string,
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

/** What is read of a batch's entry; what else SQS sends, now or later, is passed over. */
const textElements = new Set(["Id", "MD5OfMessageBody", "Code", "SenderFault"]);

/** Reads the texts of the current element by their names, and leaves it. */
function readTexts(reader: XmlReader): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (textElements.has(element)) texts.set(element, reader.text());
    else reader.skip();
  }
  return texts;
}

/** Reads an element that holds a name and a value, and leaves it. */
export function readAttribute(reader: XmlReader): { name: string; value: string } {
  let name: string | undefined;
  let value: string | undefined;
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (element === "Name") name = reader.text();
    else if (element === "Value") value = reader.text();
    else reader.skip();
  }
  if (name === undefined || value === undefined) throw unexpected();
  return { name, value };
}

/** The text of that name, which every such answer has. */
export function required(texts: ReadonlyMap<string, string>, name: string): string {
  const text = texts.get(name);
  if (text === undefined) throw unexpected();
  return text;
}

/** The error of an answer that is XML, but not what was asked for. */
export function unexpected(): EtlError {
  return new EtlError({
    kind: "protocol",
    operation: "read answer",
    message: "the queue's answer is XML, but not what SQS answers",
    hint: "check that the queue URL leads to SQS, ElasticMQ or LocalStack",
    retryable: true,
  });
}
