/** Finds out how the bodies of a sample are written: by trying every way the pipeline knows. */

import { compileDecoder } from "../message/decode.ts";
import { type BodyFormat, encodings } from "../message/mapping.ts";
import type { Message } from "../message/message.ts";
import { isRefusal } from "../message/rejection.ts";

/** A sample, read in the way that reads the most of it. */
export interface ReadSample {
  readonly format: BodyFormat;
  /** The object of each message that could be read. */
  readonly bodies: readonly object[];
  /** How many could not. */
  readonly unreadable: number;
}

/** Envelopes first: a notification of SNS is a JSON object by itself, too. */
const candidates: readonly BodyFormat[] = [
  ...encodings.map((encoding) => ({ envelope: "sns", encoding }) as const),
  { envelope: "eventbridge", encoding: "none" },
  ...encodings.map((encoding) => ({ envelope: "none", encoding }) as const),
];

const plain: BodyFormat = { envelope: "none", encoding: "none" };

/** Reads a sample; of two ways that read as many messages, the one that takes more off. */
export function readSample(messages: readonly Message[]): ReadSample {
  let best: ReadSample = { format: plain, bodies: [], unreadable: messages.length };
  for (const format of candidates) {
    const decode = compileDecoder({ format, exactNumbers: true });
    const bodies = messages.flatMap((message) => {
      const body = decode(message);
      return isRefusal(body) ? [] : [body.fields];
    });
    if (bodies.length > best.bodies.length)
      best = { format, bodies, unreadable: messages.length - bodies.length };
  }
  return best;
}

/** The names that the Java and the Python library give the class of their pointers. */
const pointerClass = /"(?:software\.amazon\.payloadoffloading|com\.amazon\.sqs\.javamessaging)\./;

/**
 * Whether a body is no message but says where in S3 it is.
 *
 * @see https://github.com/awslabs/payload-offloading-java-common-lib-for-aws
 */
export function isPointer({ body, payload }: Message): boolean {
  return payload === undefined && /^\s*\[/.test(body) && pointerClass.test(body);
}

/** The format in words, for a person; undefined where nothing is taken off. */
export function formatInWords({ envelope, encoding }: BodyFormat): string | undefined {
  const envelopes = { none: undefined, sns: "notifications of SNS", eventbridge: "events of EventBridge" };
  const around = envelopes[envelope];
  const inside = { none: undefined, base64: "in base64", "gzip+base64": "in gzip and base64" }[encoding];
  if (around === undefined && inside === undefined) return undefined;
  return [around ?? "JSON", inside].filter((part) => part !== undefined).join(" with their text ");
}
