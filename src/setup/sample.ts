/** Reads a few messages of a queue: how their bodies are written, and which of them belong together. */

import { compileDecoder } from "../message/body.ts";
import { parseExactJson } from "../message/json.ts";
import { type BodyFormat, encodings } from "../message/mapping.ts";
import type { Message } from "../message/message.ts";
import { isRefusal } from "../message/message.ts";

/** A sample, read in the format that reads most of it. */
export interface ReadSample {
  readonly format: BodyFormat;
  /** The objects of the messages that could be read and are of one kind. */
  readonly bodies: readonly object[];
  /** The messages that could not be read, or are of another kind. */
  readonly strays: readonly Message[];
  /** How many of them could not be read, and how many are of another kind. */
  readonly unreadable: number;
  readonly unlike: number;
}

/** Envelopes first: an SNS notification is a JSON object by itself, too. */
const formats: readonly BodyFormat[] = [
  ...encodings.map((encoding) => ({ envelope: "sns", encoding }) as const),
  { envelope: "eventbridge", encoding: "none" },
  ...encodings.map((encoding) => ({ envelope: "none", encoding }) as const),
];

/** Tries every format. If two formats read as many messages, the one that unwraps more wins. */
export function readSample(messages: readonly Message[]): ReadSample {
  const plain: BodyFormat = { envelope: "none", encoding: "none" };
  let format = plain;
  let read: readonly (readonly [message: Message, body: object])[] = [];
  for (const candidate of formats) {
    const decode = compileDecoder(candidate, parseExactJson);
    const decoded = messages.flatMap((message) => {
      const body = decode(message);
      return isRefusal(body) ? [] : [[message, body.fields] as const];
    });
    if (decoded.length > read.length) [format, read] = [candidate, decoded];
  }
  const bodies = alikeBodies(read.map(([, body]) => body));
  const alike = new Set(read.filter(([, body]) => bodies.includes(body)).map(([message]) => message));
  return {
    format,
    bodies,
    strays: messages.filter((message) => !alike.has(message)),
    unreadable: messages.length - read.length,
    unlike: read.length - bodies.length,
  };
}

/** The format in words for a person; undefined for plain JSON. */
export function formatInWords({ envelope, encoding }: BodyFormat): string | undefined {
  const around = {
    ...{ none: "JSON", sns: "SNS notifications", eventbridge: "EventBridge events" },
    auto: "JSON with or without an envelope",
  }[envelope];
  const inside = { none: undefined, base64: "base64", "gzip+base64": "gzip and base64" }[encoding];
  if (inside !== undefined) return `${around} with ${inside} encoding`;
  return envelope === "none" ? undefined : around;
}

/** The class names that the Java and the Python library write into a pointer. */
const pointerClass = /"(?:software\.amazon\.payloadoffloading|com\.amazon\.sqs\.javamessaging)\./;

/**
 * Whether the body only says where in S3 the payload is, and the payload was not fetched.
 *
 * @see https://github.com/awslabs/payload-offloading-java-common-lib-for-aws
 */
export function isPointer({ body, payload }: Message): boolean {
  return payload === undefined && /^\s*\[/.test(body) && pointerClass.test(body);
}

/** Keeps the bodies with at least half of the fields that most bodies have. Fewer than three bodies have no majority. */
function alikeBodies(bodies: readonly object[]): readonly object[] {
  if (bodies.length < 3) return bodies;
  const counts = new Map<string, number>();
  for (const name of bodies.flatMap((body) => Object.keys(body))) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const common = [...counts].filter(([, count]) => count > bodies.length / 2).map(([name]) => name);
  return bodies.filter((body) => {
    const held = common.filter((name) => Object.hasOwn(body, name)).length;
    return held >= common.length / 2;
  });
}
