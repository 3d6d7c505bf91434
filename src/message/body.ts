import { gunzipSync } from "node:zlib";
import { EtlError } from "../errors.ts";
import { type ParseJson, parseJson } from "./json.ts";
import type { BodyFormat } from "./mapping.ts";
import {
  isRefusal,
  type Message,
  type MessageAttribute,
  type Refusal,
  type RejectionReason,
} from "./message.ts";

/** What a message holds. */
export interface DecodedBody {
  /** One JSON object. Ask `Object.hasOwn` before you read a field: a key may be `__proto__`. */
  readonly fields: object;
  /** What the sender gave beside the body, or inside the envelope of SNS. */
  readonly attributes: readonly MessageAttribute[] | undefined;
}

type ReadText = (text: string, attributes: DecodedBody["attributes"]) => DecodedBody | Refusal;

/**
 * Makes the decoding of a run's bodies: takes the payload if the body points to one, removes the envelope, then the
 * encoding, and parses one JSON object. A refusal holds nothing of the body.
 *
 * If a key appears twice in an object, the last one wins, as in every JavaScript program. A byte order mark at the start
 * is refused, because it is not part of a JSON text.
 *
 * @param parse {@link parseJson}, or `parseExactJson` if numbers must keep the digits they were written with
 * @returns a function that never throws
 * @throws EtlError `config` if an encoding is given for EventBridge, whose envelope holds an object instead of a text
 * @see https://www.rfc-editor.org/rfc/rfc8259#section-4 on keys that are not unique
 * @see https://www.rfc-editor.org/rfc/rfc8259#section-8.1 on the byte order mark
 */
export function compileDecoder({ envelope, encoding }: BodyFormat, parse: ParseJson) {
  if (envelope === "eventbridge" && encoding !== "none")
    throw new EtlError({
      kind: "config",
      operation: "decode",
      message: `an event of EventBridge holds an object, which cannot be encoded as ${encoding}`,
      hint: 'set encoding = "none" under [queue]',
    });
  const decode = textDecodings[encoding];
  const readText: ReadText = (text, attributes) => {
    const decoded = decode(text);
    return isRefusal(decoded) ? decoded : readObject(decoded, parse, attributes);
  };
  const readers: Readonly<Record<BodyFormat["envelope"], ReadText>> = {
    none: readText,
    sns: (text) => notificationIn(readObject(text, parseJson), readText),
    eventbridge: (text, attributes) => eventIn(readObject(text, parse, attributes)),
    auto(text, attributes) {
      // An encoded text is no object, and what is no envelope is parsed already if nothing is encoded.
      if (encoding !== "none" && !/^\s*\{/.test(text)) return readText(text, attributes);
      const outer = readObject(text, parse, attributes);
      const shape = isRefusal(outer) ? undefined : looksLike(outer.fields);
      if (shape === "sns") return notificationIn(outer, readText);
      if (shape === "eventbridge") return eventIn(outer);
      return encoding === "none" ? outer : readText(text, attributes);
    },
  };
  const read = readers[envelope];
  return ({ body, bodyIntact, attributes, payload, payloadFault }: Message): DecodedBody | Refusal => {
    if (!bodyIntact) return refused("body_md5_mismatch");
    if (payloadFault !== undefined) return refused(payloadFault);
    return read(payload ?? body, attributes);
  };
}

/** What an object looks like that a topic or a bus wraps around the sender's own, by all that they always write. */
export function looksLike(fields: object): "sns" | "eventbridge" | undefined {
  const isText = (name: string) => typeof fieldOf(fields, name) === "string";
  if (fieldOf(fields, "Type") === "Notification" && ["MessageId", "TopicArn", "Message"].every(isText))
    return "sns";
  const isEvent = ["detail-type", "source", "id"].every(isText) && isObject(fieldOf(fields, "detail"));
  return isEvent ? "eventbridge" : undefined;
}

/**
 * Reads what SNS puts into a queue if raw message delivery is off. SNS puts the sender's attributes into the envelope,
 * not beside the body.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
 */
function notificationIn(envelope: DecodedBody | Refusal, read: ReadText): DecodedBody | Refusal {
  if (isRefusal(envelope)) return envelope;
  const text = fieldOf(envelope.fields, "Message");
  const attributes = snsAttributes(fieldOf(envelope.fields, "MessageAttributes"));
  if (fieldOf(envelope.fields, "Type") !== "Notification" || typeof text !== "string" || !attributes)
    return refused("envelope_not_sns");
  return read(text, attributes);
}

/** The attributes by name, each with its `Type` and `Value`; undefined if they are something else. */
function snsAttributes(fields: unknown): readonly MessageAttribute[] | undefined {
  if (fields === undefined) return [];
  if (!isObject(fields)) return undefined;
  const attributes: MessageAttribute[] = [];
  for (const [name, attribute] of Object.entries(fields)) {
    if (!isObject(attribute)) return undefined;
    const dataType = fieldOf(attribute, "Type");
    const value = fieldOf(attribute, "Value");
    if (typeof dataType !== "string" || typeof value !== "string") return undefined;
    attributes.push({ name, dataType, value });
  }
  return attributes;
}

/**
 * Reads the `detail` of an event.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/aws-events.html
 */
function eventIn(envelope: DecodedBody | Refusal): DecodedBody | Refusal {
  if (isRefusal(envelope)) return envelope;
  const detail = fieldOf(envelope.fields, "detail");
  return typeof fieldOf(envelope.fields, "detail-type") === "string" && isObject(detail)
    ? { fields: detail, attributes: envelope.attributes }
    : refused("envelope_not_eventbridge");
}

function readObject(
  text: string,
  parse: ParseJson,
  attributes?: DecodedBody["attributes"],
): DecodedBody | Refusal {
  const fields = parse(text);
  if (isObject(fields)) return { fields, attributes };
  if (fields === undefined) return refused("body_not_json");
  return isPointer(fields)
    ? { ...refused("body_not_object"), looksLike: "s3_pointer" }
    : refused("body_not_object");
}

/**
 * Whether it is what an extended client library leaves in a body in place of a payload.
 *
 * @see https://github.com/awslabs/payload-offloading-java-common-lib-for-aws
 */
function isPointer(value: unknown): boolean {
  const [name]: readonly unknown[] = Array.isArray(value) ? value : [];
  return (
    typeof name === "string" &&
    /^(software\.amazon\.payloadoffloading|com\.amazon\.sqs\.javamessaging)\./.test(name)
  );
}

/** Whether a JSON value is an object: not an array, and not a number that was kept as it was written. */
function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** The value of the object's own field; undefined if it has none, because no JSON value is undefined. */
function fieldOf(fields: object, name: string): unknown {
  return Object.hasOwn(fields, name) ? (fields as Record<string, unknown>)[name] : undefined;
}

/**
 * The most that a compressed text may grow to, in bytes: many times what SQS takes (1 MiB), and little enough for a
 * hundred at once.
 */
const maxInflatedBytes = 16 * 1_048_576;

/** Refuses what is not UTF-8, and leaves a byte order mark for JSON to refuse. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Removes each encoding strictly. Never throws. */
export const textDecodings: Readonly<Record<BodyFormat["encoding"], (text: string) => string | Refusal>> = {
  none: (text) => text,
  base64: (text) => fromBase64(text, utf8Text),
  "gzip+base64": (text) => fromBase64(text, inflatedText),
};

/**
 * Reads base64 with its padding and nothing else: no white space, no other alphabet, no stray bits.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4648#section-4
 */
function fromBase64(text: string, read: (bytes: Buffer) => string | Refusal): string | Refusal {
  // Node's decoder skips what is not base64, so only a text that it would write itself counts.
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? read(bytes) : refused("body_not_base64");
}

function inflatedText(bytes: Buffer): string | Refusal {
  try {
    return utf8Text(gunzipSync(bytes, { maxOutputLength: maxInflatedBytes }));
  } catch (error) {
    const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return refused(isTooLarge ? "body_too_large" : "body_not_gzip");
  }
}

function utf8Text(bytes: Buffer): string | Refusal {
  try {
    return utf8.decode(bytes);
  } catch {
    return refused("body_not_text");
  }
}

function refused(reason: RejectionReason): Refusal {
  return { reason, path: "" };
}
