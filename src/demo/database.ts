/** The Postgres of `etl demo`: PGlite in this process, spoken to over loopback TCP as any Postgres is. */

import { PGlite } from "@electric-sql/pglite";
import { readDatabaseFiles } from "./database-files.ts";
import { servePostgres } from "./postgres-wire.ts";

/** A running database on loopback. Whoever reaches its port is let in. */
export interface EmbeddedDatabase {
  /** Such as `postgres://postgres@127.0.0.1:40123/postgres?sslmode=disable`. */
  readonly url: string;
  /** Ends connections and frees the port. The data is gone then. */
  stop(): Promise<void>;
}

/** Starts a new, empty database on a free port of 127.0.0.1. */
export async function startEmbeddedDatabase(): Promise<EmbeddedDatabase> {
  const database = await PGlite.create(await readDatabaseFiles());
  const server = await servePostgres({
    run: (message, answer) => database.execProtocolRawStream(message, { onRawData: answer }),
    isInTransaction: () => database.isInTransaction(),
  });
  return {
    url: `postgres://postgres@127.0.0.1:${server.port}/postgres?sslmode=disable`,
    async stop() {
      await server.stop();
      await database.close();
    },
  };
}
