/**
 * The bench's own queue: SQS's two protocols over HTTP, a delay for each call, and a record of every delete.
 *
 * It checks no signature, keeps everything in memory and answers from prepared texts, so that it is not what is measured.
 */

import { startWallClock } from "./audit.ts";
import { Backlog, type BacklogFaults } from "./backlog.ts";
import { Messages, type MessagesOptions } from "./messages.ts";
import { startHelper } from "./processes.ts";
import { type Call, jsonProtocol, type Protocol, queryProtocol } from "./protocols.ts";

/** What the queue is to be, from now on. */
export interface Filling extends MessagesOptions {
  /** Added to every call: the answer is held back for so long. */
  readonly roundTripMillis: number;
  /** How long a message stays invisible. */
  readonly visibilityTimeoutSeconds: number;
  /**
   * The longest that a poll is held open once all messages are deleted: how long a consumer goes on asking then is its
   * own business, and nobody's throughput.
   */
  readonly emptyPollMillis: number;
}

/** What has happened since the filling. Times are microseconds since 1970 UTC. */
export interface QueueReport extends BacklogFaults {
  readonly deleted: number;
  /** 0 if nothing has been received. */
  readonly firstReceiveMicros: number;
  /** 0 if nothing has been deleted. */
  readonly lastDeleteMicros: number;
  /** The CPU time of the queue's own process since the filling. */
  readonly cpuMicros: number;
}

/** The paths on which the bench itself talks to its queue. */
export const controlPaths = {
  fill: "/bench/fill",
  report: "/bench/report",
  deletions: "/bench/deletions",
} as const;

const queuePath = "/000000000000/login-queue";
const arn = "arn:aws:sqs:us-east-1:000000000000:login-queue";
/** A poll is held for at most 20 s; Bun would cut it off after 10. */
const idleTimeoutSeconds = 60;
const pollStepMillis = 50;
const overdueCheckMillis = 500;

/** A running queue. */
export interface QueueServer {
  /** Where the controls are. */
  readonly url: string;
  stop(): Promise<void>;
}

/** The queue's URL as a client is to be given it. */
export function queueUrl(serverUrl: string): string {
  return new URL(queuePath, serverUrl).href;
}

/** Starts an empty queue on a port of 127.0.0.1 that is free. */
export function startQueueServer(): QueueServer {
  let queue = new Queue({
    count: 0,
    run: 0,
    sentUntilMillis: 0,
    roundTripMillis: 0,
    visibilityTimeoutSeconds: 30,
    emptyPollMillis: 100,
  });
  const overdueCheck = setInterval(() => queue.returnOverdue(), overdueCheckMillis);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: idleTimeoutSeconds,
    routes: {
      [controlPaths.fill]: {
        POST: async (request) => {
          queue = new Queue((await request.json()) as Filling);
          return new Response();
        },
      },
      [controlPaths.report]: () => Response.json(queue.report()),
      [controlPaths.deletions]: () => new Response(queue.deletions()),
    },
    fetch: async (request) => await queue.answer(await request.text(), request.headers.get("x-amz-target")),
  });
  return {
    url: server.url.href,
    async stop() {
      clearInterval(overdueCheck);
      await server.stop(true);
    },
  };
}

/** The queue between one filling and the next. */
class Queue {
  readonly #filling: Filling;
  readonly #backlog: Backlog;
  readonly #wallMicros = startWallClock();
  readonly #cpuBefore = process.cpuUsage();

  constructor(filling: Filling) {
    this.#filling = filling;
    this.#backlog = new Backlog(new Messages(filling));
    this.#cpuBefore = process.cpuUsage();
  }

  async answer(body: string, target: string | null): Promise<Response> {
    // Before anything else: a delete counts as sent no later than this.
    const arrivedMicros = this.#wallMicros();
    const protocol = target === null ? queryProtocol : jsonProtocol;
    const call = protocol.read(body, target);
    if (call === undefined) return new Response("unknown action", { status: 400 });
    const text =
      call.action === "ReceiveMessage"
        ? await this.#receive(protocol, call)
        : this.#settle(protocol, call, arrivedMicros);
    const { roundTripMillis } = this.#filling;
    if (roundTripMillis > 0) await Bun.sleep(roundTripMillis);
    return new Response(text, { headers: { "content-type": protocol.contentType } });
  }

  report(): QueueReport {
    const { deleted, firstReceiveMicros, lastDeleteMicros, faults } = this.#backlog;
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    return { ...faults, deleted, firstReceiveMicros, lastDeleteMicros, cpuMicros: user + system };
  }

  deletions(): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#backlog.deletedAtMicros);
  }

  returnOverdue(): void {
    this.#backlog.returnOverdue(this.#wallMicros());
  }

  #receive(
    protocol: Protocol,
    { maxMessages, waitSeconds }: Call & { action: "ReceiveMessage" },
  ): Promise<string> | string {
    const timeoutMicros = this.#filling.visibilityTimeoutSeconds * 1e6;
    const take = () => this.#backlog.receive(maxMessages, this.#wallMicros(), timeoutMicros);
    const indexes = take();
    if (indexes.length > 0 || waitSeconds === 0) return protocol.writeMessages(this.#backlog, indexes);
    return this.#poll(take, waitSeconds * 1000).then((found) => protocol.writeMessages(this.#backlog, found));
  }

  /** Looks again and again until there is something, or the time is over. */
  async #poll(take: () => number[], waitMillis: number): Promise<number[]> {
    const since = performance.now();
    for (;;) {
      await Bun.sleep(pollStepMillis);
      const indexes = take();
      const longest = this.#backlog.drained
        ? Math.min(waitMillis, this.#filling.emptyPollMillis)
        : waitMillis;
      if (indexes.length > 0 || performance.now() - since >= longest) return indexes;
    }
  }

  #settle(protocol: Protocol, call: Exclude<Call, { action: "ReceiveMessage" }>, nowMicros: number): string {
    const backlog = this.#backlog;
    switch (call.action) {
      case "DeleteMessage":
        backlog.delete(call.receiptHandle, nowMicros);
        return protocol.writeDeleted();
      case "DeleteMessageBatch": {
        const accepted = call.entries.map(({ receiptHandle }) => backlog.delete(receiptHandle, nowMicros));
        return protocol.writeBatch(call.action, call.entries, accepted);
      }
      case "ChangeMessageVisibilityBatch": {
        const accepted = call.entries.map(({ receiptHandle, timeoutSeconds }) =>
          backlog.changeVisibility(receiptHandle, nowMicros + timeoutSeconds * 1e6),
        );
        return protocol.writeBatch(call.action, call.entries, accepted);
      }
      case "GetQueueAttributes":
        return protocol.writeAttributes({
          QueueArn: arn,
          ApproximateNumberOfMessages: String(backlog.visible),
          ApproximateNumberOfMessagesNotVisible: String(backlog.inFlight),
          ApproximateNumberOfMessagesDelayed: "0",
          VisibilityTimeout: String(this.#filling.visibilityTimeoutSeconds),
          MessageRetentionPeriod: "345600",
        });
    }
  }
}

/** A queue that is running. */
export interface QueueProcess {
  /** As a client is to be given it. */
  readonly queueUrl: string;
  /** Forgets what was, and holds new messages. */
  fill(filling: Filling): Promise<void>;
  report(): Promise<QueueReport>;
  /** When the delete of each message arrived, in microseconds since 1970 UTC; 0 if none has. */
  deletions(): Promise<Float64Array>;
  stop(): Promise<void>;
}

/** Starts the queue; it ends with this process at the latest. */
export async function startQueueProcess(): Promise<QueueProcess> {
  const { said: url, stop } = await startHelper("queue");
  const get = async (path: string) => {
    const response = await fetch(new URL(path, url));
    if (!response.ok) throw new Error(`the bench's queue answers ${response.status}`);
    return response;
  };
  return {
    queueUrl: queueUrl(url),
    async fill(filling) {
      await fetch(new URL(controlPaths.fill, url), { method: "POST", body: JSON.stringify(filling) });
    },
    report: async () => (await (await get(controlPaths.report)).json()) as QueueReport,
    deletions: async () => new Float64Array(await (await get(controlPaths.deletions)).arrayBuffer()),
    async stop() {
      await stop();
    },
  };
}
