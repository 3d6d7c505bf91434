/** A queue for tests: `local-aws-sqs` in this process, corrected where it strays from what SQS does. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequestHandler } from "local-aws-sqs";
import { correctQueue, type ServerQueue } from "../../src/demo/queue.ts";

/** Queue attributes by their SQS names, such as `{ VisibilityTimeout: 5, FifoQueue: true }`. */
export type QueueSettings = Readonly<Record<string, string | number | boolean>>;

/** How many messages a queue holds, exactly. */
export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
}

/** What all messages of one sending have beside their bodies. */
export interface SendExtras {
  /** Of a FIFO queue. @defaultValue `group` */
  readonly groupId?: string;
  /** By name, as SQS's JSON has them. */
  readonly attributes?: Readonly<
    Record<string, { DataType: string; StringValue?: string; BinaryValue?: string }>
  >;
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
  send(queueUrl: string, bodies: readonly string[], extras?: SendExtras): Promise<string[]>;
  /** Hands out a message that was there before, as SQS may do even after its delete. */
  redeliver(queueUrl: string, message: FormerMessage): void;
  /** Removes every message of a queue at once. */
  purge(queueUrl: string): void;
  depth(queueUrl: string): QueueDepth;
  /** Makes a call, and gives the text of its answer. */
  call(queueUrl: string, parameters: Readonly<Record<string, string>>): Promise<string>;
  /** Receives every visible message, and gives the text of the answers. */
  takeAll(queueUrl: string): Promise<string>;
  /**
   * Whether a receive goes on, and takes messages, when its caller has hung up. SQS may do so, ElasticMQ does.
   *
   * @defaultValue false
   */
  answersGoneCallers: boolean;
  /** Receives that are being answered now, such as long polls that wait for a message. */
  readonly openReceives: number;
  stop(): Promise<void>;
}

/** The answer that a queue's method is working for, so that it can see its caller hang up. */
const answering = new AsyncLocalStorage<ServerResponse>();

/** Hung up before the answer; a move of messages goes on when the call that has started it is answered. */
function callerGone(): boolean {
  const answer = answering.getStore();
  return answer?.destroyed === true && !answer.writableFinished;
}

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
  const find = (queueUrl: string): ServerQueue => {
    const queue = service.Queues.find((candidate) => queueUrl.endsWith(`/${candidate.QueueName}`));
    if (!queue) throw new Error(`no such queue: ${queueUrl}`);
    return queue;
  };

  const running: SqsServer = {
    endpoint,
    answersGoneCallers: false,
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
      correctQueue(queue, () => !running.answersGoneCallers && callerGone());
      countReceives(queue, receives);
      return queue.QueueUrl;
    },
    async send(queueUrl, bodies, { groupId = "group", attributes } = {}) {
      const queue = find(queueUrl);
      return bodies.map((body) => {
        const fifo = queue.FifoQueue ? { MessageGroupId: groupId, MessageDeduplicationId: randomUUID() } : {};
        const own = attributes === undefined ? {} : { MessageAttributes: attributes };
        const entry = queue.setRecord({ MessageBody: body, ...fifo, ...own });
        return entry.record.MessageId;
      });
    },
    redeliver(queueUrl, { messageId, sentAtMillis, body }) {
      const entry = find(queueUrl).setRecord({ MessageBody: body }, messageId);
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
    async call(queueUrl, parameters) {
      const query = new URLSearchParams({ Version: "2012-11-05", QueueUrl: queueUrl, ...parameters });
      return await (await fetch(endpoint, { method: "POST", body: query.toString() })).text();
    },
    async takeAll(queueUrl) {
      const receive = { Action: "ReceiveMessage", MaxNumberOfMessages: "10", "AttributeName.1": "All" };
      let texts = "";
      while (running.depth(queueUrl).visible > 0) texts += await running.call(queueUrl, receive);
      return texts;
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
  return running;
}

/** Counts the receives of one queue that are being answered. */
function countReceives(queue: ServerQueue, receives: { open: number }): void {
  const receive = queue.receive.bind(queue);
  queue.receive = async (input) => {
    receives.open += 1;
    try {
      return await receive(input);
    } finally {
      receives.open -= 1;
    }
  };
}

/** How often each message in the text of an answer has been received, that answer included. */
export function receiveCountsIn(text: string): number[] {
  const counts = text.matchAll(/<Name>ApproximateReceiveCount<\/Name>\s*<Value>(\d+)<\/Value>/g);
  return Array.from(counts, ([, count]) => Number(count));
}
