/** Stands before a queue server that permits everything, and denies some actions as AWS does. */

import { createServer, request as forward, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { errorAnswer } from "./sqs-faults.ts";

/** A running proxy on loopback. */
export interface DenyingProxy {
  readonly endpoint: string;
  /** The actions that are denied; set anew from test to test. */
  denied: readonly string[];
  /** The actions that came in, oldest first. */
  readonly actions: readonly string[];
  stop(): Promise<void>;
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @param upstream the endpoint of the queue server behind it
 */
export async function startDenyingProxy(upstream: string): Promise<DenyingProxy> {
  const { hostname: host, port } = new URL(upstream);
  const actions: string[] = [];
  const state = { denied: [] as readonly string[] };
  const server = createServer(async (incoming, outgoing) => {
    const body = await readBody(incoming);
    const action = new URLSearchParams(body.toString()).get("Action") ?? "";
    actions.push(action);
    if (state.denied.includes(action)) {
      const refusal = errorAnswer("AccessDenied", "Access to the resource is denied.");
      outgoing.writeHead(403, { "content-type": "text/xml" }).end(refusal);
      return;
    }
    const { method, url: path, headers } = incoming;
    const passed = forward({ host, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    passed.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get denied() {
      return state.denied;
    },
    set denied(denied) {
      state.denied = denied;
    },
    actions,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
