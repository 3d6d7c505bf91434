/** Stands before a queue server that checks no signature, and refuses as AWS does what is not signed right. */

import { type ForwardingProxy, startForwardingProxy } from "./forwarding-proxy.ts";
import { refuse, type Signer } from "./sigv4.ts";
import { errorAnswer } from "./sqs-faults.ts";

/** What {@link startVerifyingProxy} needs. */
export interface VerifyingProxyOptions extends Signer {
  /** The endpoint of the queue server behind it. */
  readonly upstream: string;
  /** Its clock, which it also answers with. @defaultValue this machine's */
  readonly now?: () => number;
}

/** A running proxy on loopback. */
export interface VerifyingProxy extends ForwardingProxy {
  /** Requests that came in. */
  readonly requests: number;
  /** Those of them that were refused. */
  readonly rejected: number;
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startVerifyingProxy(options: VerifyingProxyOptions): Promise<VerifyingProxy> {
  const now = options.now ?? Date.now;
  let requests = 0;
  let rejected = 0;
  const { endpoint, stop } = await startForwardingProxy(options.upstream, ({ message, body }) => {
    requests += 1;
    const { method = "", url: target = "" } = message;
    const headers = message.headers as Record<string, string | undefined>;
    const refusal = refuse({ method, target, headers, body }, options, now());
    if (refusal === undefined) return undefined;
    rejected += 1;
    return { text: errorAnswer(refusal), headers: { date: new Date(now()).toUTCString() } };
  });
  return {
    endpoint,
    get requests() {
      return requests;
    },
    get rejected() {
      return rejected;
    },
    stop,
  };
}
