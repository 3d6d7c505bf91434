/** A stretch of network in front of a queue server, on which requests meet faults. */

import type { Socket } from "node:net";
import type { Chance } from "./chaos-chance.ts";
import {
  concerns,
  type Fate,
  messagesOf,
  type QueueAnswer,
  type QueueFault,
  type QueueRequest,
  queueFaults,
} from "./chaos-queue-faults.ts";
import { listen } from "./postgres-proxy.ts";

/** A running proxy on 127.0.0.1. */
export interface QueueProxy {
  /** The queue's URL as it is to be given to `etl`. */
  urlOf(queueUrl: string): string;
  /** From now on: these faults, one in a request, with this probability each. */
  set(faults: readonly QueueFault[], probability: number): void;
  /** How often each fault was done. */
  readonly done: ReadonlyMap<QueueFault, number>;
  /** Messages handed out through it, deliveries of whatever kind. */
  readonly delivered: number;
  /** Called with every request, before anything is done with it. @defaultValue nothing */
  onRequest: (request: QueueRequest) => void;
  stop(): Promise<void>;
}

/** Of each queue, so many messages are remembered to be handed out again. */
const remembered = 50;

/** Starts a proxy before the queue server at `endpoint`. */
export async function startQueueProxy(endpoint: string, chance: Chance): Promise<QueueProxy> {
  const done = new Map<QueueFault, number>();
  const earlier = new Map<string, string[]>();
  let faults: readonly QueueFault[] = [];
  let probability = 0;
  let delivered = 0;

  const forwardUntil = (signal: AbortSignal) => async (request: QueueRequest) => {
    const { path, body, action } = request;
    const response = await fetch(endpoint + path, { method: "POST", body, signal });
    const contentType = response.headers.get("content-type") ?? "text/xml";
    const answer = {
      status: response.status,
      contentType,
      body: Buffer.from(await response.arrayBuffer()),
    };
    if (action === "ReceiveMessage") {
      const messages = messagesOf(answer);
      delivered += messages.length;
      earlier.set(path, [...messages, ...(earlier.get(path) ?? [])].slice(0, remembered));
    }
    return answer;
  };

  async function fateOf(request: QueueRequest, signal: AbortSignal): Promise<Fate> {
    proxy.onRequest(request);
    const possible = faults.filter((fault) => concerns(fault, request));
    const forward = forwardUntil(signal);
    if (possible.length === 0 || !chance.happens(probability)) return forward(request);
    const fault = chance.pick(possible);
    done.set(fault, (done.get(fault) ?? 0) + 1);
    return queueFaults[fault](request, { chance, forward, earlier: earlier.get(request.path) ?? [] });
  }

  const listener = await listen((socket) => {
    const gone = new AbortController();
    socket.on("error", () => {}).on("close", () => gone.abort());
    readRequests(socket, async (request) => {
      const fate = await fateOf(request, gone.signal).catch(() => "reset" as const);
      if (!gone.signal.aborted) answer(socket, fate);
    });
  });

  const proxy: QueueProxy = {
    urlOf(queueUrl) {
      const url = new URL(queueUrl);
      url.host = `127.0.0.1:${listener.port}`;
      return url.href;
    },
    set(next, rate) {
      faults = next;
      probability = rate;
    },
    done,
    get delivered() {
      return delivered;
    },
    onRequest() {},
    stop: () => listener.stop(),
  };
  return proxy;
}

/** Reads requests with a stated length, as the client sends them: one at a time. */
function readRequests(socket: Socket, onRequest: (request: QueueRequest) => void): void {
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => {
    received += chunk;
    for (;;) {
      const headEnd = received.indexOf("\r\n\r\n");
      const bodyLength = Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0);
      const end = headEnd + 4 + bodyLength;
      if (headEnd < 0 || received.length < end) return;
      const path = received.split(" ", 2)[1] ?? "/";
      const body = Buffer.from(received.slice(headEnd + 4, end), "latin1").toString();
      received = received.slice(end);
      onRequest({ path, body, action: /(?:^|&)Action=(\w+)/.exec(body)?.[1] ?? "" });
    }
  });
}

function answer(socket: Socket, fate: Fate): void {
  if (fate === "reset") {
    socket.resetAndDestroy();
    return;
  }
  if ("firstHalfOf" in fate) {
    const { body } = fate.firstHalfOf;
    socket.end(Buffer.concat([head(fate.firstHalfOf), body.subarray(0, body.length / 2)]));
    return;
  }
  socket.write(Buffer.concat([head(fate), fate.body]));
}

function head({ status, contentType, body }: QueueAnswer): Buffer {
  return Buffer.from(
    `HTTP/1.1 ${status} Chaos\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
}
