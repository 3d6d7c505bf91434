/** The superuser's way into a server that is being restarted and killed: each query is asked until it is answered. */

import postgres from "postgres";
import { type PostgresServer, superuser } from "./postgres.ts";

/** A way in that passes every link, and outlasts every restart. */
export interface Admin {
  /** Runs statements without parameters. They may be run twice, where an answer is lost. @throws what SQL is refused for */
  query(text: string): Promise<Record<string, unknown>[]>;
  /** A client of one connection, for whoever needs a session; the caller ends it. */
  session(): postgres.Sql;
  close(): Promise<void>;
}

/** The driver may never answer on a connection that the server's crash has cut. */
const answerMillis = 2_000;

/** Opens a database over the server's Unix socket. */
export function openAdmin(server: PostgresServer, database: string): Admin {
  const open = () =>
    postgres({
      path: `${server.socketFolder}/.s.PGSQL.${server.port}`,
      user: superuser,
      database,
      max: 1,
      fetch_types: false,
      onnotice: () => {},
    });
  let client: postgres.Sql | undefined;

  /** Gives undefined where no answer came. */
  async function attempt(text: string): Promise<Record<string, unknown>[] | undefined> {
    client ??= open();
    const asked = client;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("no answer")), answerMillis);
    try {
      return [...(await Promise.race([asked.unsafe(text), late.promise]))];
    } catch (error) {
      if (error instanceof postgres.PostgresError && error.severity === "ERROR") throw error;
      void asked.end({ timeout: 0 }).catch(() => {});
      // Another query that failed with it may have made a new one.
      if (client === asked) client = undefined;
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async query(text) {
      for (;;) {
        const rows = await attempt(text);
        if (rows !== undefined) return rows;
        await Bun.sleep(20);
      }
    },
    session: open,
    async close() {
      await client?.end({ timeout: 0 });
    },
  };
}
