/** A queue server that answers what it is told to, and breaks where it is told to. */

import type { Socket } from "node:net";
import { listen } from "./postgres-proxy.ts";

/** A request that came in. */
export interface WireRequest {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Request line and headers, as they came. */
  readonly head: string;
  readonly body: Buffer;
}

/** An answer of HTTP. @defaultValue of the content type: `text/xml` */
export interface Answer {
  readonly status: number;
  readonly body: string | Buffer;
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
  | "hang in body"
  /** An answer that is closed in its middle. */
  | { readonly firstHalfOf: Answer };

/** A running server on loopback. */
export interface WireServer {
  readonly endpoint: string;
  /** Connections that are open now. */
  readonly connections: number;
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1. It reads requests with a stated length, one at a time on a connection.
 *
 * @param decide what is done with a request; `gone` is aborted when the client has hung up
 */
export async function serveFaults(
  decide: (request: WireRequest, gone: AbortSignal) => Fault | Promise<Fault>,
): Promise<WireServer> {
  let open = 0;
  const listener = await listen((socket) => {
    const gone = new AbortController();
    open += 1;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      open -= 1;
      gone.abort();
    });
    readRequests(socket, async (request) => {
      const fault = await decide(request, gone.signal);
      if (!gone.signal.aborted) act(socket, fault);
    });
  });
  return {
    endpoint: `http://127.0.0.1:${listener.port}`,
    get connections() {
      return open;
    },
    stop: listener.stop,
  };
}

/** A server with a script, and what it was asked. */
export interface FaultyServer extends WireServer {
  /** The bodies that came in, oldest first. */
  readonly bodies: readonly string[];
  /** The heads (request line and headers) that came in, oldest first. */
  readonly heads: readonly string[];
}

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @param script what is done with each request in turn; the last is done again for all that follow
 */
export async function startFaultyServer(script: readonly [Fault, ...Fault[]]): Promise<FaultyServer> {
  const bodies: string[] = [];
  const heads: string[] = [];
  const server = await serveFaults(({ head, body }) => {
    heads.push(head);
    bodies.push(body.toString("latin1"));
    return script[Math.min(bodies.length, script.length) - 1] ?? script[0];
  });
  return Object.assign(server, { bodies, heads });
}

function readRequests(socket: Socket, onRequest: (request: WireRequest) => void): void {
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => {
    received += chunk;
    for (;;) {
      const headEnd = received.indexOf("\r\n\r\n");
      const length = Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (headEnd < 0 || received.length < end) return;
      const head = received.slice(0, headEnd);
      const body = Buffer.from(received.slice(headEnd + 4, end), "latin1");
      received = received.slice(end);
      const [first = "", ...lines] = head.split("\r\n");
      const [method = "", target = ""] = first.split(" ");
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.replace(/^.*?: */, "")]),
      );
      onRequest({ method, target, headers, head, body });
    }
  });
}

function act(socket: Socket, fault: Fault): void {
  if (fault === "reset") socket.resetAndDestroy();
  else if (fault === "close") socket.end();
  else if (fault === "truncate") socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml");
  else if (fault === "hang in body") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml");
  else if (fault === "hang") return;
  else if ("firstHalfOf" in fault) {
    const bytes = wireForm(fault.firstHalfOf);
    socket.end(bytes.subarray(0, bytes.length - Math.ceil(Buffer.byteLength(fault.firstHalfOf.body) / 2)));
  } else socket.write(wireForm(fault));
}

function wireForm(answer: Answer): Buffer {
  const body = Buffer.from(answer.body as string);
  const headers = { "Content-Type": "text/xml", "Content-Length": String(body.length), ...answer.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${answer.status} Scripted\r\n${lines.join("")}\r\n`), body]);
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
export const answer = (action: string, content: string) => ({
  status: 200,
  body: `<${action}Response><${action}Result>${content}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`,
});

/** An answer to `ReceiveMessage` that holds no message. */
export const emptyReceive =
  '<?xml version="1.0"?><ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">' +
  "<ReceiveMessageResult/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ReceiveMessageResponse>";
