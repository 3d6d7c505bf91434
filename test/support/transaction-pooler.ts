/** A model of a connection pooler: every transaction may run in another server's session. */

import { connect, type Socket } from "node:net";
import { listen } from "./postgres-proxy.ts";

/** What such a pooler passes on or drops without harm; any other startup parameter is refused, as pgbouncer does. */
const startupParameters = [
  "user",
  "database",
  "client_encoding",
  "application_name",
  "datestyle",
  "timezone",
  "standard_conforming_strings",
];

/** Which server connections the pooler shares out. */
export interface PoolerOptions {
  /** Path of a Unix socket on which the server asks for no password. */
  readonly socketPath: string;
  readonly user: string;
  readonly database: string;
  readonly sessions: number;
  /** `statement`: a transaction of more than one statement ends both connections, as with pgbouncer. @defaultValue transaction */
  readonly mode?: "transaction" | "statement";
}

/** A running pooler on 127.0.0.1. It asks clients for no password. */
export interface TransactionPooler {
  readonly port: number;
  /** How many transactions each session has run. */
  readonly transactions: readonly number[];
  stop(): Promise<void>;
}

interface Session {
  readonly socket: Socket;
  readonly index: number;
  /** Where its answers go; nobody's while it is idle. */
  client: Socket | undefined;
}

/** Starts a pooler; its sessions are shared out in turn, so that two transactions of a client never share one. */
export async function startTransactionPooler(options: PoolerOptions): Promise<TransactionPooler> {
  const transactions = Array.from({ length: options.sessions }, () => 0);
  const idle: Session[] = [];
  const waiting: ((session: Session) => void)[] = [];
  const free = (session: Session) => {
    session.client = undefined;
    const next = waiting.shift();
    if (next) next(session);
    else idle.push(session);
  };
  const take = (): Promise<Session> => {
    const session = idle.shift();
    return session ? Promise.resolve(session) : new Promise((resolve) => waiting.push(resolve));
  };
  const sessions = await Promise.all(
    transactions.map((_, index) =>
      openSession(options, index, (session) => {
        transactions[index] = (transactions[index] ?? 0) + 1;
        free(session);
      }),
    ),
  );
  idle.push(...sessions);

  const listener = await listen((client) => {
    let session: Session | undefined;
    let started = false;
    let queue = Promise.resolve();
    const forward = async (message: Buffer) => {
      if (message[0] === "X".charCodeAt(0)) return void client.end();
      if (session === undefined || session.client !== client) {
        session = await take();
        session.client = client;
      }
      session.socket.write(message);
    };
    client.on("error", () => {});
    client.on(
      "data",
      eachMessage(
        () => started,
        (message) => {
          if (started) {
            queue = queue.then(() => forward(message));
            return;
          }
          const answer = answerStartup(message);
          started = answer.accepted;
          client.write(answer.bytes);
          if (answer.refused) client.end();
        },
      ),
    );
  });
  return {
    port: listener.port,
    transactions,
    async stop() {
      for (const { socket } of sessions) socket.destroy();
      await listener.stop();
    },
  };
}

function openSession(
  { socketPath, user, database, mode }: PoolerOptions,
  index: number,
  onIdle: (session: Session) => void,
): Promise<Session> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath });
    const session: Session = { socket, index, client: undefined };
    let ready = false;
    socket.on("error", reject);
    socket.write(startup({ user, database, client_encoding: "UTF8" }));
    socket.on(
      "data",
      eachMessage(
        () => true,
        (message) => {
          if (socket.destroyed) return;
          const { client } = session;
          const isReady = message[0] === "Z".charCodeAt(0);
          const isIdle = message[5] === "I".charCodeAt(0);
          if (isReady && !isIdle && mode === "statement") {
            client?.end(poolerError("transaction blocks not allowed in statement pooling mode"));
            socket.destroy();
            return;
          }
          client?.write(message);
          if (!isReady || !isIdle) return;
          if (ready) return onIdle(session);
          ready = true;
          resolve(session);
        },
      ),
    );
  });
}

function answerStartup(message: Buffer): { bytes: Buffer; accepted: boolean; refused: boolean } {
  if (message.readUInt32BE(4) === 80877103)
    return { bytes: Buffer.from("N"), accepted: false, refused: false };
  const names = message
    .toString("utf8", 8)
    .split("\0")
    .filter((_, index) => index % 2 === 0);
  const unknown = names.find((name) => name !== "" && !startupParameters.includes(name.toLowerCase()));
  if (unknown !== undefined) {
    const bytes = poolerError(`unsupported startup parameter: ${unknown}`);
    return { bytes, accepted: false, refused: true };
  }
  const welcome = [
    typed("R", Buffer.alloc(4)),
    typed("S", Buffer.from("client_encoding\0UTF8\0")),
    typed("K", Buffer.alloc(8)),
    typed("Z", Buffer.from("I")),
  ];
  return { bytes: Buffer.concat(welcome), accepted: true, refused: false };
}

/**
 * The three fields that pgbouncer's own errors have.
 *
 * @see https://github.com/pgbouncer/pgbouncer/blob/master/src/proto.c `send_pooler_error`
 */
function poolerError(message: string): Buffer {
  return typed("E", Buffer.from(`SFATAL\0C08P01\0M${message}\0\0`));
}

/** Cuts a stream into messages; a startup message has no type byte in front of its length. */
function eachMessage(hasType: () => boolean, onMessage: (message: Buffer) => void): (bytes: Buffer) => void {
  let pending = Buffer.alloc(0);
  return (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      const typeBytes = hasType() ? 1 : 0;
      if (pending.length < typeBytes + 4) return;
      const length = pending.readUInt32BE(typeBytes) + typeBytes;
      if (pending.length < length) return;
      const message = pending.subarray(0, length);
      pending = pending.subarray(length);
      onMessage(message);
    }
  };
}

function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(parameters).flat().join("\0");
  const body = Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from(`${text}\0\0`)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([length, body]);
}

function typed(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
