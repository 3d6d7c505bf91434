/** The Postgres of `etl demo`: PGlite in this process, spoken to over loopback TCP as any Postgres is. */

import { type ExecProtocolOptionsStream, PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { readDatabaseFiles } from "./database-files.ts";

/** A running database on loopback. Whoever reaches its port is let in. */
export interface EmbeddedDatabase {
  /** Such as `postgres://postgres@127.0.0.1:40123/postgres?sslmode=disable`. */
  readonly url: string;
  /** Ends connections and frees the port. The data is gone then. */
  stop(): Promise<void>;
}

/** For a drain, a second one, and a few people with `psql`. */
const maxConnections = 20;

/** Starts a new, empty database on a free port of 127.0.0.1. */
export async function startEmbeddedDatabase(): Promise<EmbeddedDatabase> {
  const db = new OneSession(await readDatabaseFiles());
  await db.waitReady;
  const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port: 0, maxConnections });
  await server.start();
  return {
    url: `postgres://postgres@${server.getServerConn()}/postgres?sslmode=disable`,
    async stop() {
      await server.stop();
      await db.close();
    },
  };
}

/** First bytes of messages that leave no half-done sequence: a start-up packet (0), `Query`, `Sync`, `Terminate`. */
const endings: ReadonlySet<number | undefined> = new Set([0, ...Buffer.from("QSX")]);

/** `Sync` without the sequence that it ends. */
const lonelySync = Uint8Array.of(...Buffer.from("S"), 0, 0, 0, 4);

/**
 * PGlite has one session, and the socket server hands it from client to client between any two messages that stand
 * outside a transaction. Two clients then get each other's answers: with five of them, 400 of 500 queries did. So what
 * a client sends up to its `Sync` counts as a transaction, too.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
class OneSession extends PGlite {
  #inSequence = false;

  override isInTransaction(): boolean {
    return this.#inSequence || super.isInTransaction();
  }

  override async execProtocolRawStream(
    message: Uint8Array,
    options: ExecProtocolOptionsStream,
  ): Promise<void> {
    this.#inSequence = !endings.has(message[0]);
    await super.execProtocolRawStream(message, options);
  }

  /** The server calls it with `ROLLBACK` for a client that went away in a transaction. */
  override async exec(...parameters: Parameters<PGlite["exec"]>): ReturnType<PGlite["exec"]> {
    // After an error Postgres skips everything up to the `Sync` that the client did not live to send.
    if (this.#inSequence) await this.execProtocolRaw(lonelySync);
    this.#inSequence = false;
    return super.exec(...parameters);
  }
}
