/** The queue of `etl demo`: an SQS-speaking server in this process, reached over loopback HTTP as SQS is. */

import { AsyncLocalStorage } from "node:async_hooks";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequestHandler } from "local-aws-sqs";
import { correctQueue, type ServerQueue } from "./queue-corrections.ts";

/** A running queue on loopback. It checks no signature: whoever reaches its port may use it. */
export interface EmbeddedQueue {
  /** Such as `http://127.0.0.1:40123`. */
  readonly endpoint: string;
  readonly url: string;
  readonly region: string;
  /** Puts messages in. Takes bodies that SQS would refuse, too. */
  send(bodies: readonly string[]): void;
  /** Ends open calls and frees the port. The messages are gone then. */
  stop(): Promise<void>;
}

/** How the queue is to be. */
export interface EmbeddedQueueOptions {
  readonly name: string;
  /**
   * How many deletes the queue forgets after it has answered them: the messages are delivered again. It makes
   * visible what SQS promises no more than "at least once" for.
   *
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
   */
  readonly forgottenDeletes: number;
}

const region = "us-east-1";

/** Starts an empty queue on a free port of 127.0.0.1. */
export async function startEmbeddedQueue(options: EmbeddedQueueOptions): Promise<EmbeddedQueue> {
  /** The answer that a receive is working for, so that it can see its caller hang up. */
  const answering = new AsyncLocalStorage<ServerResponse>();
  const { service, requestHandler } = createRequestHandler({
    port: 0,
    hostname: "127.0.0.1",
    region,
    queues: [{ QueueName: options.name }],
  });
  const [queue] = service.Queues;
  if (queue === undefined) throw new Error(`the queue ${options.name} was not made`);
  correctQueue(queue, () => answering.getStore()?.destroyed ?? false);
  forgetDeletes(queue, options.forgottenDeletes);

  const server = createServer((request, response) => {
    void answering.run(response, () => requestHandler(request, response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  service.PORT = (server.address() as AddressInfo).port;
  return {
    endpoint: `http://127.0.0.1:${service.PORT}`,
    url: queue.QueueUrl,
    region,
    send(bodies) {
      for (const body of bodies) queue.setRecord({ MessageBody: body });
    },
    async stop() {
      queue.clearRecords();
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
