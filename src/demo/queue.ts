/** The queues of `etl demo`: an SQS-speaking server in this process, reached over loopback HTTP as SQS is. */

import { AsyncLocalStorage } from "node:async_hooks";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequestHandler } from "local-aws-sqs";
import { correctQueue, type ServerQueue } from "./queue-corrections.ts";

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

/** How the queues are to be. */
export interface EmbeddedQueueOptions {
  readonly names: readonly [string, ...string[]];
  /**
   * How many deletes the first queue forgets after it has answered them: the messages are delivered again. It makes
   * visible what SQS promises no more than "at least once" for.
   *
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
   */
  readonly forgottenDeletes: number;
}

const region = "us-east-1";

/** Starts empty queues on a free port of 127.0.0.1. */
export async function startEmbeddedQueues(options: EmbeddedQueueOptions): Promise<EmbeddedQueues> {
  /** The answer that a receive is working for, so that it can see its caller hang up. */
  const answering = new AsyncLocalStorage<ServerResponse>();
  const { service, requestHandler } = createRequestHandler({
    port: 0,
    hostname: "127.0.0.1",
    region,
    queues: options.names.map((name) => ({ QueueName: name })),
  });
  const queues = new Map(options.names.map((name, index) => [name, service.Queues[index]]));
  const queueOf = (name: string): ServerQueue => {
    const queue = queues.get(name);
    if (queue === undefined) throw new Error(`the queue ${name} was not made`);
    return queue;
  };
  const all = options.names.map(queueOf);
  const corrected = new Set<ServerQueue>();
  /** Those that a caller has made are to behave as the first ones do. */
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
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  service.PORT = (server.address() as AddressInfo).port;
  return {
    endpoint: `http://127.0.0.1:${service.PORT}`,
    url: first.QueueUrl,
    region,
    send(name, bodies) {
      const queue = queueOf(name);
      for (const body of bodies) queue.setRecord({ MessageBody: body });
    },
    async stop() {
      for (const queue of all) queue.clearRecords();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
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
