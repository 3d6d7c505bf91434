/** Stands before a server, and either passes a request on or refuses it with 403. */

import { createServer, request as forward, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that came in, and its whole body. */
export interface Incoming {
  readonly message: IncomingMessage;
  readonly body: Buffer;
}

/** What a request is refused with: XML, and headers beside its content type. */
export interface Refusal {
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running proxy on loopback. */
export interface ForwardingProxy {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @param upstream the endpoint of the server behind it
 * @param refuse asked of every request; undefined where it is to pass
 */
export async function startForwardingProxy(
  upstream: string,
  refuse: (incoming: Incoming) => Refusal | undefined,
): Promise<ForwardingProxy> {
  const { hostname: host, port } = new URL(upstream);
  const server = createServer(async (message, outgoing) => {
    const body = await readBody(message);
    const refusal = refuse({ message, body });
    if (refusal !== undefined) {
      outgoing.writeHead(403, { "content-type": "text/xml", ...refusal.headers }).end(refusal.text);
      return;
    }
    const { method, url: path, headers } = message;
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
