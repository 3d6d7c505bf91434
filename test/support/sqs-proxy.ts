/** Stands before a queue server: requests meet faults, denials, or a check of their signature, and are watched. */

import type { Chance } from "./chaos-chance.ts";
import {
  concerns,
  type FaultTools,
  messagesOf,
  type QueueFault,
  type QueueRequest,
  queueFaults,
} from "./chaos-queue-faults.ts";
import { type ReceivedRequest, refuse, type Signer } from "./sigv4.ts";
import { type Answer, errorAnswer, type Fault, serveFaults } from "./sqs-faults.ts";

/** What a proxy does beyond passing requests on. */
export interface QueueProxyOptions {
  /** Draws the faults that {@link QueueProxy.set} asks for. */
  readonly chance?: Chance;
  /** Refuses, as AWS does, what is not signed by this one. */
  readonly signer?: Signer;
  /** The clock of that check, which refusals are dated by. @defaultValue this machine's */
  readonly now?: () => number;
}

/** A running proxy on 127.0.0.1. */
export interface QueueProxy {
  readonly endpoint: string;
  /** The queue's URL as it is to be given to `etl`. */
  urlOf(queueUrl: string): string;
  /** From now on: these faults, one in a request, with this probability each. */
  set(faults: readonly QueueFault[], probability: number): void;
  /** How often each fault was done. */
  readonly done: ReadonlyMap<QueueFault, number>;
  /** The actions that are denied as by a policy. @defaultValue none */
  denied: readonly string[];
  /** The actions that are never answered. @defaultValue none */
  hanging: readonly string[];
  /** The actions that came in, oldest first. */
  readonly actions: readonly string[];
  /** How many requests came in. */
  readonly requests: number;
  /** How many of them were refused for their signature. */
  readonly rejected: number;
  /** Messages handed out through it, deliveries of whatever kind. */
  readonly delivered: number;
  /** Called with every request, before anything is done with it. @defaultValue nothing */
  onRequest: (request: QueueRequest) => void;
  /** Awaited when the queue has done its work, before its answer is passed on. @defaultValue nothing */
  onAnswer: (request: QueueRequest) => void | Promise<void>;
  stop(): Promise<void>;
}

/** Of each queue, so many messages are remembered to be handed out again. */
const remembered = 50;

/** Starts a proxy before the queue server at `upstream`. */
export async function startQueueProxy(
  upstream: string,
  { chance, signer, now = Date.now }: QueueProxyOptions = {},
): Promise<QueueProxy> {
  const done = new Map<QueueFault, number>();
  const earlier = new Map<string, string[]>();
  const actions: string[] = [];
  const set = { faults: [] as readonly QueueFault[], probability: 0 };
  const counts = { delivered: 0, rejected: 0 };

  async function forward(request: QueueRequest, signal: AbortSignal): Promise<Answer> {
    const { method, path, body, action } = request;
    const sent = { method, signal, ...(body !== "" && { body }) };
    const response = await fetch(upstream + path, sent);
    const date = response.headers.get("date");
    const answer = {
      status: response.status,
      headers: {
        "Content-Type": response.headers.get("content-type") ?? "text/xml",
        ...(date !== null && { Date: date }),
      },
      body: Buffer.from(await response.arrayBuffer()),
    };
    if (action === "ReceiveMessage") {
      const messages = messagesOf(answer);
      counts.delivered += messages.length;
      earlier.set(path, [...messages, ...(earlier.get(path) ?? [])].slice(0, remembered));
    }
    await proxy.onAnswer(request);
    return answer;
  }

  /** The answer to what is not signed right. */
  function refusalOf(request: ReceivedRequest): Answer | undefined {
    const code = signer && refuse(request, signer, now());
    if (code === undefined) return undefined;
    counts.rejected += 1;
    return { status: 403, body: errorAnswer(code), headers: { date: new Date(now()).toUTCString() } };
  }

  async function fateOf(request: QueueRequest, signal: AbortSignal): Promise<Fault> {
    if (proxy.denied.includes(request.action))
      return { status: 403, body: errorAnswer("AccessDenied", "Access to the resource is denied.") };
    if (proxy.hanging.includes(request.action)) return "hang";
    const possible = set.faults.filter((fault) => concerns(fault, request));
    if (chance === undefined || possible.length === 0 || !chance.happens(set.probability))
      return forward(request, signal);
    const fault = chance.pick(possible);
    done.set(fault, (done.get(fault) ?? 0) + 1);
    const tools: FaultTools = {
      chance,
      forward: (changed) => forward(changed, signal),
      earlier: earlier.get(request.path) ?? [],
    };
    return queueFaults[fault](request, tools);
  }

  const server = await serveFaults(async (received, signal) => {
    const body = received.body.toString();
    const action = /(?:^|&)Action=(\w+)/.exec(body)?.[1] ?? "";
    const request = { method: received.method, path: received.target, body, action };
    actions.push(request.action);
    proxy.onRequest(request);
    return refusalOf(received) ?? (await fateOf(request, signal).catch(() => "reset" as const));
  });

  const proxy: QueueProxy = {
    endpoint: server.endpoint,
    urlOf: (queueUrl) => server.endpoint + new URL(queueUrl).pathname,
    set(faults, probability) {
      Object.assign(set, { faults, probability });
    },
    done,
    denied: [],
    hanging: [],
    actions,
    get requests() {
      return actions.length;
    },
    get rejected() {
      return counts.rejected;
    },
    get delivered() {
      return counts.delivered;
    },
    onRequest() {},
    onAnswer() {},
    stop: server.stop,
  };
  return proxy;
}
