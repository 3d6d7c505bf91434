/** Takes off what SNS and EventBridge put around a sender's message. */

import { type ParseJson, parseJson } from "./json.ts";
import { fieldOf, isObject, type JsonObject, readObject } from "./json-object.ts";
import type { MessageAttribute } from "./message.ts";
import { isRefusal, type Refusal } from "./rejection.ts";

/** What a topic's subscriber gets of a message. */
export interface SnsNotification {
  /** The sender's own text. */
  readonly text: string;
  /** The sender's own attributes, which SNS puts into the envelope and not beside the body. */
  readonly attributes: readonly MessageAttribute[];
}

const notSns: Refusal = { reason: "envelope_not_sns", path: "" };
const notEventBridge: Refusal = { reason: "envelope_not_eventbridge", path: "" };

/**
 * Reads what SNS puts into a queue where raw message delivery is off. Never throws.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
 */
export function snsNotification(body: string): SnsNotification | Refusal {
  const envelope = readObject(body, parseJson);
  if (isRefusal(envelope)) return envelope;
  const text = fieldOf(envelope, "Message");
  const attributes = snsAttributes(fieldOf(envelope, "MessageAttributes"));
  if (fieldOf(envelope, "Type") !== "Notification" || typeof text !== "string" || attributes === undefined)
    return notSns;
  return { text, attributes };
}

/** The attributes by name, each with its `Type` and `Value`; undefined where they are not that. */
function snsAttributes(fields: unknown): readonly MessageAttribute[] | undefined {
  if (fields === undefined) return [];
  if (!isObject(fields)) return undefined;
  const attributes: MessageAttribute[] = [];
  for (const [name, attribute] of Object.entries(fields)) {
    if (!isObject(attribute)) return undefined;
    const dataType = fieldOf({ fields: attribute }, "Type");
    const value = fieldOf({ fields: attribute }, "Value");
    if (typeof dataType !== "string" || typeof value !== "string") return undefined;
    attributes.push({ name, dataType, value });
  }
  return attributes;
}

/**
 * The `detail` of an event. Never throws.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/aws-events.html
 */
export function eventBridgeDetail(body: string, parse: ParseJson): JsonObject | Refusal {
  const envelope = readObject(body, parse);
  if (isRefusal(envelope)) return envelope;
  const detail = fieldOf(envelope, "detail");
  return typeof fieldOf(envelope, "detail-type") === "string" && isObject(detail)
    ? { fields: detail }
    : notEventBridge;
}
