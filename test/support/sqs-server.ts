/** A queue for tests: `local-aws-sqs` in this process, corrected where it strays from what SQS does. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequestHandler } from "local-aws-sqs";

/** Queue attributes by their SQS names, such as `{ VisibilityTimeout: 5, FifoQueue: true }`. */
export type QueueSettings = Readonly<Record<string, string | number | boolean>>;

/** How many messages a queue holds, exactly. */
export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
}

/** A message that a queue knew. */
export interface FormerMessage {
  readonly messageId: string;
  /** @defaultValue now */
  readonly sentAtMillis?: number | undefined;
  readonly body: string;
}

/** A running queue server on loopback. */
export interface SqsServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly endpoint: string;
  /** Makes a queue and gives its URL. */
  createQueue(name: string, settings?: QueueSettings): Promise<string>;
  /** Puts messages in, in order, and gives their ids. Takes bodies that SQS would refuse, too. */
  send(queueUrl: string, bodies: readonly string[]): Promise<string[]>;
  /** Hands out a message that was there before, as SQS may do even after its delete. */
  redeliver(queueUrl: string, message: FormerMessage): void;
  /** Removes every message of a queue at once. */
  purge(queueUrl: string): void;
  depth(queueUrl: string): QueueDepth;
  /** Receives that are being answered now, such as long polls that wait for a message. */
  readonly openReceives: number;
  stop(): Promise<void>;
}

type SqsService = ReturnType<typeof createRequestHandler>["service"];
type Queue = SqsService["Queues"][number];

/** What the server keeps of one message; the package exports no type for it. */
interface Entry {
  visible: boolean;
  delayed: boolean;
  readonly record: { readonly MessageId: string; readonly attributes: Record<string, string> };
}

interface ReceiveInput {
  readonly VisibilityTimeout?: string;
  readonly WaitTimeSeconds?: string;
  readonly MaxNumberOfMessages?: string;
}

/** The answer that a queue's method is working for, so that it can see its caller hang up. */
const answering = new AsyncLocalStorage<ServerResponse>();

/** Starts a queue server on a free port of 127.0.0.1. */
export async function startSqsServer(): Promise<SqsServer> {
  const { service, requestHandler } = createRequestHandler({
    port: 0,
    hostname: "127.0.0.1",
    region: "us-east-1",
    emulateQueueCreationLifecycle: false,
  });
  const server = createServer((request, response) => {
    void answering.run(response, () => requestHandler(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  service.PORT = (server.address() as AddressInfo).port;
  const endpoint = `http://127.0.0.1:${service.PORT}`;

  const receives = { open: 0 };
  const find = (queueUrl: string): Queue => {
    const queue = service.Queues.find((candidate) => queueUrl.endsWith(`/${candidate.QueueName}`));
    if (!queue) throw new Error(`no such queue: ${queueUrl}`);
    return queue;
  };

  return {
    endpoint,
    async createQueue(name, settings = {}) {
      const parameters = new URLSearchParams({
        Action: "CreateQueue",
        Version: "2012-11-05",
        QueueName: name,
      });
      for (const [index, [key, value]] of Object.entries(settings).entries()) {
        parameters.set(`Attribute.${index + 1}.Name`, key);
        parameters.set(`Attribute.${index + 1}.Value`, String(value));
      }
      const answer = await fetch(endpoint, { method: "POST", body: parameters.toString() });
      if (!answer.ok) throw new Error(`CreateQueue: ${await answer.text()}`);
      const queue = find(`/${name}`);
      correct(queue, receives);
      return queue.QueueUrl;
    },
    async send(queueUrl, bodies) {
      const queue = find(queueUrl);
      return bodies.map((body) => {
        const fifo = queue.FifoQueue ? { MessageGroupId: "group", MessageDeduplicationId: randomUUID() } : {};
        const entry: Entry = queue.setRecord({ MessageBody: body, ...fifo });
        return entry.record.MessageId;
      });
    },
    redeliver(queueUrl, { messageId, sentAtMillis, body }) {
      const entry: Entry = find(queueUrl).setRecord({ MessageBody: body }, messageId);
      if (sentAtMillis !== undefined) entry.record.attributes.SentTimestamp = String(sentAtMillis);
    },
    purge: (queueUrl) => find(queueUrl).clearRecords(),
    depth(queueUrl) {
      const attributes = find(queueUrl).getAttributes(["All"]);
      return {
        visible: Number(attributes.ApproximateNumberOfMessages),
        inFlight: Number(attributes.ApproximateNumberOfMessagesNotVisible),
      };
    },
    get openReceives() {
      return receives.open;
    },
    async stop() {
      for (const queue of service.Queues) queue.clearRecords();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Milliseconds between two looks of a long poll. */
const POLL_MILLIS = 5;

/**
 * Brings one queue to what SQS does. As it comes, the server writes bodies into its XML unescaped, holds a long
 * poll to its end even when it has messages, goes on taking messages for a caller that has hung up, counts
 * messages in flight as visible, counts a change of visibility as a receive, and makes a message visible a
 * moment after it has said so.
 */
function correct(queue: Queue, receives: { open: number }): void {
  const entries = new Map<string, Entry>();
  const newRecord = queue.newRecord;
  queue.newRecord = (record, delay) => {
    const entry: Entry = newRecord(record, delay);
    if (queue.DelaySeconds === 0) entry.delayed = false;
    entries.set(entry.record.MessageId, entry);
    return entry;
  };
  const hasVisible = (): boolean => {
    for (const entry of entries.values()) if (entry.visible && !entry.delayed) return true;
    return false;
  };

  const receive = queue.receive.bind(queue);
  const poll = async (input: ReceiveInput) => {
    const caller = answering.getStore();
    const waitSeconds = Number(input.WaitTimeSeconds ?? queue.ReceiveMessageWaitTimeSeconds);
    const end = performance.now() + waitSeconds * 1000;
    for (;;) {
      if (caller?.destroyed) return [];
      const records = hasVisible() ? await receive({ ...input, WaitTimeSeconds: "0" }) : [];
      if (records.length > 0 || performance.now() >= end) {
        return records.map((record) => ({ ...record, MessageBody: escapeBody(record.MessageBody) }));
      }
      await Bun.sleep(POLL_MILLIS);
    }
  };
  queue.receive = (input: ReceiveInput) => {
    receives.open += 1;
    return poll(input).finally(() => {
      receives.open -= 1;
    });
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

  const changeVisibility = queue.changeVisibility.bind(queue);
  queue.changeVisibility = (receiptHandle, visibilityTimeout) => {
    const entry = entries.get(messageIdOf(receiptHandle));
    const receiveCount = entry?.record.attributes.ApproximateReceiveCount;
    const changed = changeVisibility(receiptHandle, visibilityTimeout);
    if (entry && receiveCount !== undefined) {
      entry.record.attributes.ApproximateReceiveCount = receiveCount;
      // Else a timer does it, which moves it to the dead-letter queue where there is one.
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

/** The message a receipt handle of this server is for; empty where it is not one of its handles. */
function messageIdOf(receiptHandle: string): string {
  return /"MessageId":"([^"]+)"/.exec(Buffer.from(receiptHandle, "base64").toString())?.[1] ?? "";
}

/** As SQS escapes a body; the server itself escapes the quotation mark. */
function escapeBody(body: string): string {
  return body
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("\r", "&#xD;");
}
