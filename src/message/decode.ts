/** The second station of a message's way: its body becomes an object, or a reason why it is none. */

import { EtlError } from "../errors.ts";
import { textDecoding } from "./encoding.ts";
import { eventBridgeDetail, snsNotification } from "./envelope.ts";
import { parseExactJson, parseJson } from "./json.ts";
import { type JsonObject, readObject } from "./json-object.ts";
import type { BodyFormat } from "./mapping.ts";
import type { Message, MessageAttribute } from "./message.ts";
import { isRefusal, type Refusal } from "./rejection.ts";

/** What a message holds. */
export interface DecodedBody extends JsonObject {
  /** What the sender gave beside the body, or inside of the envelope of SNS. */
  readonly attributes: readonly MessageAttribute[] | undefined;
}

/** What is read of a message. */
export type EncodedMessage = Pick<Message, "body" | "bodyIntact" | "attributes" | "payload" | "payloadFault">;

/** Reads a message as one JSON object. Never throws, and a refusal holds nothing of the body. */
export type DecodeBody = (message: EncodedMessage) => DecodedBody | Refusal;

/** How the bodies of a run are read. */
export interface DecoderParts {
  readonly format: BodyFormat;
  /** Whether numbers must keep the digits they were written with. */
  readonly exactNumbers: boolean;
}

type ReadText = (text: string, attributes: DecodedBody["attributes"]) => DecodedBody | Refusal;

const mismatch: Refusal = { reason: "body_md5_mismatch", path: "" };

/**
 * Makes the decoding of a run's bodies: the payload where the body points to one, out of its envelope, out of its
 * encoding, to one JSON object.
 *
 * @throws EtlError `config` where an encoding is given for EventBridge, whose envelope holds an object and no text
 */
export function compileDecoder(parts: DecoderParts): DecodeBody {
  const read = inEnvelope(parts);
  return ({ body, bodyIntact, attributes, payload, payloadFault }) => {
    if (!bodyIntact) return mismatch;
    if (payloadFault !== undefined) return { reason: payloadFault, path: "" };
    return read(payload ?? body, attributes);
  };
}

function inEnvelope({ format: { envelope, encoding }, exactNumbers }: DecoderParts): ReadText {
  const parse = exactNumbers ? parseExactJson : parseJson;
  const readPlain: ReadText = (text, attributes) => {
    const object = readObject(text, parse);
    return isRefusal(object) ? object : { fields: object.fields, attributes };
  };
  const readText = encoded(encoding, readPlain);
  switch (envelope) {
    case "none":
      return readText;
    case "sns":
      return (text) => {
        const notification = snsNotification(text);
        return isRefusal(notification) ? notification : readText(notification.text, notification.attributes);
      };
    case "eventbridge":
      if (encoding !== "none") throw unfitEncoding(encoding);
      return (text, attributes) => {
        const detail = eventBridgeDetail(text, parse);
        return isRefusal(detail) ? detail : { fields: detail.fields, attributes };
      };
  }
}

function encoded(encoding: BodyFormat["encoding"], read: ReadText): ReadText {
  const decode = textDecoding(encoding);
  if (decode === undefined) return read;
  return (text, attributes) => {
    const decoded = decode(text);
    return isRefusal(decoded) ? decoded : read(decoded, attributes);
  };
}

function unfitEncoding(encoding: string): EtlError {
  return new EtlError({
    kind: "config",
    operation: "decode",
    message: `an event of EventBridge holds an object, which cannot be encoded as ${encoding}`,
    hint: 'set encoding = "none" under [queue]',
  });
}
