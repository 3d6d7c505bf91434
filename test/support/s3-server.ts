/** A stand-in for S3: objects by path, signatures checked by the book, and answers as a test wants them. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { refuse, type Signer } from "./sigv4.ts";

/** One object. */
export interface StoredObject {
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends no length, so that the body comes in chunks. */
  readonly chunked?: boolean;
}

/** A request that came in with a right signature. */
export interface S3Request {
  /** As in the request line, such as `/bucket/key`. */
  readonly target: string;
  /** The region it was signed for. */
  readonly region: string;
  readonly response: ServerResponse;
}

/** A running server on loopback. */
export interface S3Server {
  readonly endpoint: string;
  /** By the target of the request line, such as `/bucket/a%20key`. */
  readonly objects: Map<string, StoredObject>;
  /** Answers in place of the objects; returns false where the objects are to answer. */
  answer: (request: S3Request) => boolean | Promise<boolean>;
  /** Targets that came in, whatever became of them. */
  readonly targets: readonly string[];
  /** Why requests were refused for their signature. */
  readonly refusals: readonly string[];
  stop(): Promise<void>;
}

/** Whose signatures the server takes; of any region. */
export const s3Signer = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "s3cret/key+" };

/** Starts a server on a free port of 127.0.0.1. */
export async function startS3Server(): Promise<S3Server> {
  const objects = new Map<string, StoredObject>();
  const targets: string[] = [];
  const refusals: string[] = [];
  const server = createServer(async (incoming, response) => {
    const { url: target = "" } = incoming;
    targets.push(target);
    const { region, refusal } = check(incoming);
    if (refusal !== undefined) {
      refusals.push(refusal);
      s3Error(response, 403, refusal);
    } else if (!(await running.answer({ target, region, response }))) {
      const object = objects.get(target);
      if (object === undefined) s3Error(response, 404, "NoSuchKey");
      else send(response, object);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const running: S3Server = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    answer: () => false,
    targets,
    refusals,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return running;
}

/** Answers with an error as S3 writes it. */
export function s3Error(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
  more = "",
): true {
  const body =
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Error><Code>${code}</Code><Message>quoted-by-the-server</Message>${more}<HostId>x</HostId></Error>`;
  response.writeHead(status, { "content-type": "application/xml", ...headers }).end(body);
  return true;
}

function check(incoming: IncomingMessage) {
  const headers = incoming.headers as Record<string, string | undefined>;
  const region = headers.authorization?.split("/")[2] ?? "";
  const signer: Signer = { ...s3Signer, region, service: "s3" };
  const { method = "", url: target = "" } = incoming;
  return { region, refusal: refuse({ method, target, headers, body: Buffer.alloc(0) }, signer, Date.now()) };
}

function send(response: ServerResponse, { body, headers = {}, chunked = false }: StoredObject): void {
  const bytes = Buffer.from(body);
  response.writeHead(200, chunked ? headers : { "content-length": bytes.length, ...headers });
  response.end(bytes);
}
