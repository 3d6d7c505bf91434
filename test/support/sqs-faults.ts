/** A queue server that answers what it is told to, and breaks where it is told to. */

import { createServer, type Socket } from "node:net";

/** An answer of HTTP. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is done with one request. */
export type Fault =
  | Answer
  /** The connection is reset. */
  | "reset"
  /** The connection is closed without an answer. */
  | "close"
  /** No answer ever. */
  | "hang"
  /** An answer that ends before the length it states. */
  | "truncate"
  /** A status line and headers, then nothing more. */
  | "hang in body";

/** A running server on loopback. */
export interface FaultyServer {
  readonly endpoint: string;
  /** The bodies that came in, oldest first. */
  readonly bodies: readonly string[];
  /** The heads (request line and headers) that came in, oldest first. */
  readonly heads: readonly string[];
  /** Connections that are open now. */
  readonly connections: number;
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @param script what is done with each request in turn; the last is done again for all that follow
 */
export async function startFaultyServer(script: readonly [Fault, ...Fault[]]): Promise<FaultyServer> {
  const bodies: string[] = [];
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let received = "";
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      received += chunk;
      const end = received.indexOf("\r\n\r\n");
      const length = Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0);
      if (end < 0 || received.length < end + 4 + length) return;
      heads.push(received.slice(0, end));
      bodies.push(received.slice(end + 4, end + 4 + length));
      received = "";
      act(socket, script[Math.min(bodies.length, script.length) - 1] ?? script[0]);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bodies,
    heads,
    get connections() {
      return sockets.size;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function act(socket: Socket, fault: Fault): void {
  if (fault === "reset") socket.resetAndDestroy();
  else if (fault === "close") socket.end();
  else if (fault === "truncate") socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml");
  else if (fault === "hang in body") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml");
  else if (fault !== "hang") {
    const body = Buffer.from(fault.body);
    const headers = { "Content-Type": "text/xml", "Content-Length": String(body.length), ...fault.headers };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(
      Buffer.concat([Buffer.from(`HTTP/1.1 ${fault.status} Scripted\r\n${lines.join("")}\r\n`), body]),
    );
  }
}

/** The body of an error as SQS writes it. */
export function errorAnswer(code: string, message = "Scripted."): string {
  return (
    '<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">' +
    `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message><Detail/></Error>` +
    "<RequestId>5e8c6b5a-0b1f-5f5e-8c1f-2f7d3f1c9c11</RequestId></ErrorResponse>"
  );
}

/** An answer of the Query protocol: a 200 with that content in the action's result. */
export const answer = (action: string, content: string): Answer => ({
  status: 200,
  body: `<${action}Response><${action}Result>${content}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`,
});

/** An answer to `ReceiveMessage` that holds no message. */
export const emptyReceive =
  '<?xml version="1.0"?><ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">' +
  "<ReceiveMessageResult/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ReceiveMessageResponse>";
