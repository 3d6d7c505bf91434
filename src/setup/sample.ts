/** Reads a few messages of a queue: how their bodies are written, and which of them belong together. */

import { compileDecoder, looksLike } from "../message/body.ts";
import { parseExactJson } from "../message/json.ts";
import { type BodyFormat, encodings } from "../message/mapping.ts";
import type { Message } from "../message/message.ts";
import { isRefusal } from "../message/message.ts";

/** What a topic or a bus wraps around a body, or that nothing is around it. */
type Envelope = Exclude<BodyFormat["envelope"], "auto">;

/** A sample, read in the format that reads most of it. */
export interface ReadSample {
  readonly format: BodyFormat;
  /** How many of the messages that could be read have which envelope, as `auto` tells it. */
  readonly envelopes: ReadonlyMap<Envelope, number>;
  /** The objects of the messages that could be read and are of one kind. */
  readonly bodies: readonly object[];
  /** The messages that could not be read, or are of another kind. */
  readonly strays: readonly Message[];
  /** How many of them could not be read, and how many are of another kind. */
  readonly unreadable: number;
  readonly unlike: number;
}

const plain: BodyFormat = { envelope: "none", encoding: "none" };

/** Those that unwrap more first, and what takes any envelope after what takes one. */
const formats: readonly BodyFormat[] = [
  ...encodings.map((encoding) => ({ envelope: "sns", encoding }) as const),
  { envelope: "eventbridge", encoding: "none" },
  ...encodings.map((encoding) => ({ envelope: "auto", encoding }) as const),
  ...encodings.map((encoding) => ({ envelope: "none", encoding }) as const),
];

/** A sample as one format reads it. */
interface Reading {
  readonly format: BodyFormat;
  readonly read: readonly (readonly [message: Message, body: object])[];
}

/**
 * Tries every format, and takes the one that reads most messages; of two that read as many, the one that unwraps more. A
 * message whose envelope another format unwraps does not count for a format that leaves it on. `auto` is for a sample
 * with several envelopes, or with and without one.
 *
 * @param configured the format of an existing file. If that is `auto`, it stays unless another one reads more: ten
 * messages with one envelope do not say that the next ones have it.
 */
export function readSample(messages: readonly Message[], configured: BodyFormat = plain): ReadSample {
  const envelopes = new Map(messages.map((message) => [message, envelopeOf(message)]));
  const candidates = configured.envelope === "auto" ? [configured, ...formats] : formats;
  const readings = candidates.map((format) => readAs(format, messages));
  const unwrapped = new Set(
    readings
      .filter(({ format }) => format.envelope !== "none")
      .flatMap(({ read }) => read.map(([message]) => message))
      .filter((message) => envelopes.get(message) !== "none"),
  );
  let best: Reading = { format: plain, read: [] };
  let most = 0;
  for (const reading of readings) {
    const { format, read } = reading;
    const kinds = new Set(read.map(([message]) => envelopes.get(message)));
    if (format.envelope === "auto" && format !== configured && kinds.size < 2) continue;
    const counted = read.filter(([message]) => format.envelope !== "none" || !unwrapped.has(message));
    if (counted.length > most) [best, most] = [reading, counted.length];
  }
  const { format, read } = best;
  const bodies = alikeBodies(read.map(([, body]) => body));
  const alike = new Set(read.filter(([, body]) => bodies.includes(body)).map(([message]) => message));
  const counts = new Map<Envelope, number>();
  for (const [message] of read) {
    const envelope = envelopes.get(message) ?? "none";
    counts.set(envelope, (counts.get(envelope) ?? 0) + 1);
  }
  return {
    format,
    envelopes: counts,
    bodies,
    strays: messages.filter((message) => !alike.has(message)),
    unreadable: messages.length - read.length,
    unlike: read.length - bodies.length,
  };
}

function readAs(format: BodyFormat, messages: readonly Message[]): Reading {
  const decode = compileDecoder(format, parseExactJson);
  const read = messages.flatMap((message) => {
    const body = decode(message);
    return isRefusal(body) ? [] : [[message, body.fields] as const];
  });
  return { format, read };
}

const decodePlain = compileDecoder(plain, parseExactJson);

function envelopeOf(message: Message): Envelope {
  const outer = decodePlain(message);
  return (isRefusal(outer) ? undefined : looksLike(outer.fields)) ?? "none";
}

const envelopeNames = {
  sns: "SNS notifications",
  eventbridge: "EventBridge events",
  none: "JSON without an envelope",
} as const satisfies Readonly<Record<Envelope, string>>;

const listed = new Intl.ListFormat("en-GB", { type: "conjunction" });

/** How the bodies are written, in one line for a person; undefined for plain JSON. */
export function formatInWords({
  format: { envelope, encoding },
  envelopes,
}: Pick<ReadSample, "format" | "envelopes">): string | undefined {
  const inside = encoding === "none" ? "" : ` with ${encoding.replace("+", " and ")} encoding`;
  if (envelope === "auto") {
    const counted = Object.entries(envelopeNames).flatMap(([name, words]) => {
      const count = envelopes.get(name as Envelope) ?? 0;
      return count === 0 ? [] : [`${words} (${count})`];
    });
    return `The bodies are ${listed.format(counted)}${inside}; etl tells them apart (envelope = "auto")`;
  }
  if (envelope === "none" && encoding === "none") return undefined;
  return `The bodies are ${envelope === "none" ? "JSON" : envelopeNames[envelope]}${inside}; etl decodes them`;
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
