/** What can go wrong with one request to a queue, and how each of it is done to an answer. */

import type { Chance } from "./chaos-chance.ts";
import { type Answer, answer, errorAnswer, type Fault } from "./sqs-faults.ts";

/** A request on its way to the queue. */
export interface QueueRequest {
  readonly method: string;
  /** Such as `ReceiveMessage`. */
  readonly action: string;
  readonly path: string;
  readonly body: string;
}

/** What a fault works with. */
export interface FaultTools {
  readonly chance: Chance;
  readonly forward: (request: QueueRequest) => Promise<Answer>;
  /** Messages of earlier answers of the same queue, as they stood there. */
  readonly earlier: readonly string[];
}

type DoFault = (request: QueueRequest, tools: FaultTools) => Promise<Fault>;

/** Every fault by its name. */
export const queueFaults = {
  latency: async (request, { chance, forward }) => {
    await Bun.sleep(chance.between(20, 150));
    return forward(request);
  },
  "error 500": async () => error(500, "InternalError"),
  "error 503": async () => error(503, "ServiceUnavailable"),
  "throttled 400": async () => error(400, "RequestThrottled"),
  "throttled 503": async () => error(503, "RequestThrottled"),
  reset: async () => "reset",
  truncated: async (request, { forward }) => ({ firstHalfOf: await forward(request) }),
  garbled: async (request, { chance, forward }) => {
    const answered = await forward(request);
    return { ...answered, body: garble(Buffer.from(answered.body as string), chance) };
  },
  html: async () => ({
    status: 200,
    headers: { "Content-Type": "text/html" },
    body: "<!doctype html><html><body><h1>Sign in to the network</h1></body></html>",
  }),
  /** The queue has done its work, and nobody hears of it. */
  "answer lost": async (request, { forward }) => {
    await forward(request);
    return "reset";
  },
  /** Messages are in one answer twice. */
  duplicates: async (request, { chance, forward }) =>
    withMessages(await forward(request), (messages) =>
      messages.flatMap((message) => (chance.happens(0.5) ? [message, message] : [message])),
    ),
  /** Messages of earlier answers come again, also after their delete, and among newer ones. */
  "out of order": async (request, { chance, forward, earlier }) =>
    withMessages(await forward(request), (messages) => {
      const again = earlier.filter(() => chance.happens(0.2)).slice(0, 5);
      return [...again, ...messages].sort(() => chance.next() - 0.5);
    }),
  "delete refused": async (request, { chance, forward }) => {
    const entries = deleteEntries(request.body);
    const refused = entries.filter(() => chance.happens(0.5));
    const rest = entries.filter((entry) => !refused.includes(entry));
    const answered = rest.length === 0 ? deleted([]) : await forward(deleteRequest(request, rest));
    const errors = refused.map(
      ({ id }) =>
        `<BatchResultErrorEntry><Id>${id}</Id><Code>InternalError</Code><SenderFault>false</SenderFault></BatchResultErrorEntry>`,
    );
    const end = "</DeleteMessageBatchResult>";
    return { ...answered, body: answered.body.toString().replace(end, errors.join("") + end) };
  },
  /** Said to have succeeded; nothing is deleted. */
  "delete ignored": async (request) => deleted(deleteEntries(request.body).map(({ id }) => id)),
} as const satisfies Readonly<Record<string, DoFault>>;

/** A fault's name. */
export type QueueFault = keyof typeof queueFaults;

/** All names. */
export const queueFaultNames = Object.keys(queueFaults) as QueueFault[];

const actionsOf: Partial<Record<QueueFault, string>> = {
  duplicates: "ReceiveMessage",
  "out of order": "ReceiveMessage",
  "delete refused": "DeleteMessageBatch",
  "delete ignored": "DeleteMessageBatch",
};

/** Whether the fault can befall this request. */
export function concerns(fault: QueueFault, { action }: QueueRequest): boolean {
  return actionsOf[fault] === undefined || actionsOf[fault] === action;
}

/** The messages of an answer, as they stand there. */
export function messagesOf({ body }: Answer): string[] {
  return body.toString().match(/<Message>[\s\S]*?<\/Message>/g) ?? [];
}

/** SQS hands out ten messages at the most: what is beyond that is as if its answer had been lost. */
function withMessages(answered: Answer, change: (messages: string[]) => string[]): Answer {
  const text = answered.body.toString();
  const messages = messagesOf(answered);
  const changed = change(messages).slice(0, 10);
  const end = "</ReceiveMessageResult>";
  if (!text.includes(end)) return answered;
  const without = messages.reduce((rest, message) => rest.replace(message, () => ""), text);
  return { ...answered, body: without.replace(end, () => changed.join("") + end) };
}

/**
 * Bytes that are no UTF-8, over a stretch longer than any message id. An id that changed into another id of the same
 * form would be another message's, and nothing in SQS's answer could tell.
 */
function garble(body: Buffer, chance: Chance): Buffer {
  const garbled = Buffer.from(body);
  const start = chance.between(0, Math.max(1, body.length - 40));
  garbled.fill(0xff, start, start + chance.between(40, 200));
  return garbled;
}

interface DeleteEntry {
  readonly id: string;
  readonly receiptHandle: string;
}

function deleteEntries(body: string): DeleteEntry[] {
  const query = new URLSearchParams(body);
  const entries: DeleteEntry[] = [];
  for (const [name, id] of query) {
    const place = /^DeleteMessageBatchRequestEntry\.(\d+)\.Id$/.exec(name)?.[1];
    if (place === undefined) continue;
    const receiptHandle = query.get(`DeleteMessageBatchRequestEntry.${place}.ReceiptHandle`) ?? "";
    entries.push({ id, receiptHandle });
  }
  return entries;
}

function deleteRequest(request: QueueRequest, entries: readonly DeleteEntry[]): QueueRequest {
  const query = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(request.body))
    if (!name.startsWith("DeleteMessageBatchRequestEntry.")) query.set(name, value);
  for (const [index, { id, receiptHandle }] of entries.entries()) {
    query.set(`DeleteMessageBatchRequestEntry.${index + 1}.Id`, id);
    query.set(`DeleteMessageBatchRequestEntry.${index + 1}.ReceiptHandle`, receiptHandle);
  }
  return { ...request, body: query.toString() };
}

function deleted(ids: readonly string[]): Answer {
  const entries = ids.map(
    (id) => `<DeleteMessageBatchResultEntry><Id>${id}</Id></DeleteMessageBatchResultEntry>`,
  );
  return answer("DeleteMessageBatch", entries.join(""));
}

function error(status: number, code: string): Answer {
  return { status, body: errorAnswer(code) };
}
