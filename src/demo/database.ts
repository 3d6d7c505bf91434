/** The Postgres of `etl demo`: PGlite in this process, spoken to over loopback TCP as any Postgres is. */

import { createServer, type Socket } from "node:net";
import { PGlite, type PGliteOptions } from "@electric-sql/pglite";
// `scripts/build` makes this one.
import dataFolder from "../../build/data-folder.tar.zst" with { type: "file" };
import initdbWasm from "../../node_modules/@electric-sql/pglite/dist/initdb.wasm" with { type: "file" };
import fsBundle from "../../node_modules/@electric-sql/pglite/dist/pglite.data" with { type: "file" };
import pgliteWasm from "../../node_modules/@electric-sql/pglite/dist/pglite.wasm" with { type: "file" };
import { listen } from "./queue.ts";

/** A running database on loopback. Whoever reaches its port is let in. */
export interface EmbeddedDatabase {
  /** Such as `postgres://postgres@127.0.0.1:40123/postgres?sslmode=disable`. */
  readonly url: string;
  /** Ends connections and frees the port. The data is gone then. */
  stop(): Promise<void>;
}

/**
 * Starts a new, empty database on a free port of 127.0.0.1. A client has PGlite's one session from its first message
 * until it is outside of a transaction and has sent `Sync` or a plain query; the others wait. What a client sets for its
 * session, the others have, too.
 *
 * The server that PGlite comes with hands the session on between any two messages: with five clients, 400 of 500
 * queries got another one's answer.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html
 */
export async function startEmbeddedDatabase(): Promise<EmbeddedDatabase> {
  const database = await PGlite.create(await readDatabaseFiles());
  const nextTurn = createTurns();
  const clients = new Map<Socket, Promise<void>>();
  const server = createServer({ noDelay: true }, (socket) => {
    // The loop that reads it hears of every error; this one would end the process.
    socket.on("error", () => {});
    const served = serveClient(socket, database, nextTurn).finally(() => clients.delete(socket));
    clients.set(socket, served);
  });
  const port = await listen(server);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of clients.keys()) socket.destroy();
      await Promise.all(clients.values());
      await closed;
      await database.close();
    },
  };
}

/**
 * What PGlite starts from: files inside the executable, where its own look-up fails, with the data folder that was made at
 * build time.
 */
async function readDatabaseFiles(): Promise<PGliteOptions> {
  const [pgliteWasmModule, initdbWasmModule, folder] = await Promise.all([
    compile(pgliteWasm),
    // Never run, as the data folder is there; without it PGlite goes looking for the file.
    compile(initdbWasm),
    Bun.file(dataFolder).arrayBuffer().then(Bun.zstdDecompress),
  ]);
  const loadDataDir = new Blob([folder]);
  return { pgliteWasmModule, initdbWasmModule, loadDataDir, fsBundle: Bun.file(fsBundle) };
}

async function compile(path: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await Bun.file(path).arrayBuffer());
}

/** Gives the one who waits longest the next turn; the turn ends when the function it resolves with is called. */
function createTurns(): () => Promise<() => void> {
  let last = Promise.resolve();
  return async () => {
    const before = last;
    const { promise, resolve } = Promise.withResolvers<void>();
    last = promise;
    await before;
    return resolve;
  };
}

/** First bytes of the messages that leave nothing half done: a start-up packet (0), `Query`, `Sync`. */
const endings: ReadonlySet<number | undefined> = new Set([0, ...Buffer.from("QS")]);

const terminate = Buffer.from("X")[0];
const sync = Buffer.from("S\0\0\0\x04");
const rollback = Buffer.from("Q\0\0\0\x0drollback\0");

async function serveClient(
  socket: Socket,
  database: PGlite,
  nextTurn: () => Promise<() => void>,
): Promise<void> {
  const run = (message: Uint8Array, onRawData: (bytes: Uint8Array) => void = () => {}) =>
    database.execProtocolRawStream(message, { onRawData });
  let endTurn: (() => void) | undefined;
  let halfDone = false;
  try {
    for await (const message of messagesFrom(socket)) {
      if (message[0] === terminate) break;
      endTurn ??= await nextTurn();
      halfDone = !endings.has(message[0]);
      await run(message, (bytes) => {
        // The bytes lie in the database's memory, which the next message changes.
        if (socket.writable) socket.write(Buffer.from(bytes));
      });
      if (halfDone || database.isInTransaction()) continue;
      endTurn();
      endTurn = undefined;
    }
  } catch {
    // The client broke off, or talks another protocol: there is nobody left to tell.
  } finally {
    // After an error Postgres skips everything up to the Sync that the client did not live to send.
    if (endTurn !== undefined && halfDone) await run(sync);
    if (endTurn !== undefined && database.isInTransaction()) await run(rollback);
    endTurn?.();
    socket.destroy();
  }
}

const protocolVersion3 = 196_608;
const sslRequest = 80_877_103;
const gssRequest = 80_877_104;

/** Cuts what a client sends into messages; requests for encryption are refused here, and seen by nobody else. */
async function* messagesFrom(socket: Socket): AsyncGenerator<Uint8Array> {
  let bytes = Buffer.alloc(0);
  let started = false;
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      // Only the first messages have no type before their length.
      const lengthAt = started ? 1 : 0;
      if (bytes.length < lengthAt + 4) break;
      const end = lengthAt + bytes.readInt32BE(lengthAt);
      if (end < lengthAt + 4) throw new Error("a message cannot be shorter than its length");
      if (bytes.length < end) break;
      const message = bytes.subarray(0, end);
      bytes = bytes.subarray(end);
      if (!started) {
        const code = message.length < 8 ? 0 : message.readInt32BE(4);
        if (code === sslRequest || code === gssRequest) {
          socket.write("N");
          continue;
        }
        if (code !== protocolVersion3) return;
        started = true;
      }
      yield message;
    }
  }
}
