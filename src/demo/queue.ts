/** The queues of `etl demo`: an SQS-speaking server in this process, reached over loopback HTTP as SQS is. */

import { AsyncLocalStorage } from "node:async_hooks";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { createRequestHandler } from "local-aws-sqs";

/** Running queues on loopback. Nobody checks a signature: whoever reaches the port may use them. */
export interface EmbeddedQueues {
  /** Such as `http://127.0.0.1:40123`. */
  readonly endpoint: string;
  /** The first queue's. */
  readonly url: string;
  readonly region: string;
  /** Puts messages into the queue of that name. Takes bodies that SQS would refuse, too. */
  send(name: string, bodies: readonly string[]): void;
  /** Ends open calls and frees the port. The messages are gone then. */
  stop(): Promise<void>;
}

const region = "us-east-1";

/**
 * Starts empty queues on a free port of 127.0.0.1.
 *
 * @param options `forgottenDeletes` is how many deletes the first queue forgets after it has answered them: the messages
 *   are delivered again. It shows why SQS promises no more than "at least once"
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
 */
export async function startEmbeddedQueues(options: {
  readonly names: readonly [string, ...string[]];
  readonly forgottenDeletes: number;
}): Promise<EmbeddedQueues> {
  const { service, requestHandler } = createRequestHandler({
    port: 0,
    hostname: "127.0.0.1",
    region,
    queues: options.names.map((name) => ({ QueueName: name })),
  });
  const queueOf = (name: string): ServerQueue => {
    const queue = service.Queues.find(({ QueueName }) => QueueName === name);
    if (queue === undefined) throw new Error(`the queue ${name} was not made`);
    return queue;
  };
  /** The answer that a receive is working for, so that it can see its caller hang up. */
  const answering = new AsyncLocalStorage<ServerResponse>();
  const corrected = new Set<ServerQueue>();
  /** Those that a caller has made behave as the first ones do. */
  const correctAll = () => {
    for (const queue of service.Queues) {
      if (corrected.has(queue)) continue;
      corrected.add(queue);
      correctQueue(queue, () => answering.getStore()?.destroyed ?? false);
    }
  };
  correctAll();
  const first = queueOf(options.names[0]);
  forgetDeletes(first, options.forgottenDeletes);

  const server = createServer((request, response) => {
    correctAll();
    void answering.run(response, () => requestHandler(request, response));
  });
  const port = await listen(server);
  service.PORT = port;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    url: first.QueueUrl,
    region,
    send(name, bodies) {
      const queue = queueOf(name);
      for (const body of bodies) queue.setRecord({ MessageBody: body });
    },
    async stop() {
      for (const queue of service.Queues) queue.clearRecords();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Listens on a free port of 127.0.0.1. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

function forgetDeletes(queue: ServerQueue, count: number): void {
  let left = count;
  const remove = queue.delete.bind(queue);
  queue.delete = (receiptHandle) => {
    if (left === 0) return remove(receiptHandle);
    left -= 1;
    return queue.changeVisibility(receiptHandle, "0");
  };
}

/** A queue of the server; the package exports no name for its type. */
export type ServerQueue = ReturnType<typeof createRequestHandler>["service"]["Queues"][number];

/** What the server keeps of one message. */
interface Entry {
  visible: boolean;
  delayed: boolean;
  readonly record: { readonly MessageId: string; readonly attributes: Record<string, string> };
}

/** What the server hands out of one message. */
type ReceivedRecord = Awaited<ReturnType<ServerQueue["receive"]>>[number];

interface ReceiveInput {
  readonly VisibilityTimeout?: string;
  readonly WaitTimeSeconds?: string;
  /** Text if it comes in a form. */
  readonly MaxNumberOfMessages?: string | number;
}

/** Milliseconds between two looks of a long poll. */
const pollMillis = 5;

/**
 * As it comes, a queue writes bodies and attributes into its XML unescaped, holds a long poll to its end even when it has messages,
 * goes on taking messages for a caller that has hung up, counts messages in flight as visible, appends the number
 * of visible messages to the one that is asked for and finds 1010000 too many, counts a change of visibility as a receive,
 * and makes a message visible a moment after it has said so.
 *
 * @param callerGone whether the caller that a receive is working for has hung up; asked within that receive
 */
export function correctQueue(queue: ServerQueue, callerGone: () => boolean): void {
  const entries = new Map<string, Entry>();

  const newRecord = queue.newRecord;
  queue.newRecord = (record, delay) => {
    const entry: Entry = newRecord(record, delay);
    if (queue.DelaySeconds === 0) entry.delayed = false;
    entries.set(entry.record.MessageId, entry);
    return entry;
  };
  const remove = queue.delete.bind(queue);
  queue.delete = (receiptHandle) => {
    const removed = remove(receiptHandle);
    entries.delete(messageIdOf(receiptHandle));
    return removed;
  };
  const clearRecords = queue.clearRecords.bind(queue);
  queue.clearRecords = () => {
    entries.clear();
    clearRecords();
  };

  const receive = queue.receive.bind(queue);
  queue.receive = async (input: ReceiveInput) => {
    const waitSeconds = Number(input.WaitTimeSeconds ?? queue.ReceiveMessageWaitTimeSeconds);
    const end = performance.now() + waitSeconds * 1000;
    const most = Number(input.MaxNumberOfMessages ?? 1);
    const asked = { ...input, WaitTimeSeconds: "0", MaxNumberOfMessages: most };
    for (;;) {
      if (callerGone()) return [];
      const some = entries.values().some(({ visible, delayed }) => visible && !delayed);
      const records = some ? await receive(asked) : [];
      if (records.length > 0 || performance.now() >= end) return records.map(escapeRecord);
      await Bun.sleep(pollMillis);
    }
  };

  const changeVisibility = queue.changeVisibility.bind(queue);
  queue.changeVisibility = (receiptHandle, visibilityTimeout) => {
    const entry = entries.get(messageIdOf(receiptHandle));
    const receiveCount = entry?.record.attributes.ApproximateReceiveCount;
    const changed = changeVisibility(receiptHandle, visibilityTimeout);
    if (entry && receiveCount !== undefined) {
      entry.record.attributes.ApproximateReceiveCount = receiveCount;
      // Else a timer does it, which moves it to the dead-letter queue if there is one.
      if (Number(visibilityTimeout) === 0 && !queue.RedrivePolicy) entry.visible = true;
    }
    return changed;
  };

  const getAttributes = queue.getAttributes.bind(queue);
  queue.getAttributes = (names) => {
    const attributes = getAttributes(names);
    if (attributes?.ApproximateNumberOfMessages !== undefined) {
      const inFlight = getAttributes(["All"]).ApproximateNumberOfMessagesNotVisible;
      attributes.ApproximateNumberOfMessages = String(attributes.ApproximateNumberOfMessages - inFlight);
    }
    return attributes;
  };
}

/** The message a receipt handle of this server is for; empty if it is not one of its handles. */
function messageIdOf(receiptHandle: string): string {
  return /"MessageId":"([^"]+)"/.exec(Buffer.from(receiptHandle, "base64").toString())?.[1] ?? "";
}

function escapeRecord(record: ReceivedRecord): ReceivedRecord {
  const { MessageAttributes: attributes } = record;
  const body = { ...record, MessageBody: escapeText(record.MessageBody) };
  if (attributes === undefined) return body;
  const escaped = Object.entries<{ readonly StringValue?: string }>(attributes).map(([name, attribute]) => {
    const { StringValue: text } = attribute;
    return [name, text === undefined ? attribute : { ...attribute, StringValue: escapeText(text) }];
  });
  return { ...body, MessageAttributes: Object.fromEntries(escaped) };
}

/** As SQS escapes a body; the server itself escapes the quotation mark there, and it needs no escape elsewhere. */
function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("\r", "&#xD;");
}
