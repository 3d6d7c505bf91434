/** Stands before a queue server that checks no signature, and refuses as AWS does what is not signed right. */

import { createServer, request as forward, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
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
export interface VerifyingProxy {
  readonly endpoint: string;
  /** Requests that came in. */
  readonly requests: number;
  /** Those of them that were refused. */
  readonly rejected: number;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startVerifyingProxy(options: VerifyingProxyOptions): Promise<VerifyingProxy> {
  const upstream = new URL(options.upstream);
  const now = options.now ?? Date.now;
  let requests = 0;
  let rejected = 0;
  const server = createServer(async (incoming, outgoing) => {
    requests += 1;
    const body = await readBody(incoming);
    const { method = "", url: target = "" } = incoming;
    const headers = incoming.headers as Record<string, string | undefined>;
    const refusal = refuse({ method, target, headers, body }, options, now());
    if (refusal !== undefined) {
      rejected += 1;
      const date = new Date(now()).toUTCString();
      outgoing.writeHead(403, { "content-type": "text/xml", date }).end(errorAnswer(refusal));
      return;
    }
    const { hostname: host, port } = upstream;
    const passed = forward({ host, port, method, path: target, headers: incoming.headers }, (answer) => {
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
    get requests() {
      return requests;
    },
    get rejected() {
      return rejected;
    },
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
