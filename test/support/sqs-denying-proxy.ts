/** Stands before a queue server that permits everything, and denies some actions as AWS does. */

import { type ForwardingProxy, startForwardingProxy } from "./forwarding-proxy.ts";
import { errorAnswer } from "./sqs-faults.ts";

/** A running proxy on loopback. */
export interface DenyingProxy extends ForwardingProxy {
  /** The actions that are denied; set anew from test to test. */
  denied: readonly string[];
  /** The actions that came in, oldest first. */
  readonly actions: readonly string[];
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @param upstream the endpoint of the queue server behind it
 */
export async function startDenyingProxy(upstream: string): Promise<DenyingProxy> {
  const actions: string[] = [];
  const state = { denied: [] as readonly string[] };
  const { endpoint, stop } = await startForwardingProxy(upstream, ({ body }) => {
    const action = new URLSearchParams(body.toString()).get("Action") ?? "";
    actions.push(action);
    if (!state.denied.includes(action)) return undefined;
    return { text: errorAnswer("AccessDenied", "Access to the resource is denied.") };
  });
  return {
    endpoint,
    get denied() {
      return state.denied;
    },
    set denied(denied) {
      state.denied = denied;
    },
    actions,
    stop,
  };
}
