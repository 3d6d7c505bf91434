/** One connection, used by one caller at a time: a driver that is given one socket and never another. */

import type { Socket } from "node:net";
import postgres from "postgres";
import type { ConnectionSettings } from "./connection-settings.ts";
import { dial, type Encryption } from "./dial.ts";
import { type Answer, AnswerReader, type Statement, StatementWriter } from "./wire.ts";

/** A row as the driver gives it, columns by name. */
export type ResultRow = Readonly<Record<string, unknown>>;

/** What a statement did. */
interface StatementResult {
  readonly rows: readonly ResultRow[];
  /** The command tag's first word, such as `COMMIT`. */
  readonly command: string;
}

/** A connection that has let us in. */
export interface Client {
  /** False once the connection is gone; it does not come back. */
  readonly alive: boolean;
  /** Runs one statement, or several without parameters. Rejects with the driver's own errors. */
  run(text: string, parameters?: readonly (string | number)[]): Promise<StatementResult>;
  /**
   * Sends the statements in one flush and waits for all answers: one round trip.
   *
   * @returns an answer for each; one that failed has its error
   * @throws ConnectionLost
   */
  runTogether(statements: readonly Statement[]): Promise<readonly Answer[]>;
  /** Says goodbye and closes. Whatever is running is rejected. Never waits for the server. */
  destroy(): void;
}

/**
 * Opens a connection and waits until the server has let us in.
 *
 * Left to itself, the driver connects again whenever a server accepts and closes, hundreds of times a second, with
 * the first statement pending for ever. It is therefore given its socket by us, once; when it asks for a second, the
 * first is lost, and that is the answer. Its reading of `PG*` variables is shut off by naming every option.
 *
 * @throws EtlError from the socket, the driver's own errors from the server, or the signal's reason
 */
export async function openClient(
  settings: ConnectionSettings,
  encryption: Encryption,
  signal: AbortSignal,
): Promise<Client> {
  const socket = await dial(settings, encryption, signal);
  let unused: Socket | undefined = socket;
  let alive = true;
  let rejectRunning = (_: Error) => {};
  const lose = () => {
    alive = false;
    rejectRunning(connectionLost());
  };
  // Not left to the driver: it does not hear of a socket that closed before it began to listen.
  socket.once("close", lose);
  const options = {
    host: [settings.host],
    port: [settings.port],
    database: settings.database,
    user: settings.user,
    // A function: for an empty string the driver would look into PGPASSWORD.
    password: () => settings.password ?? "",
    connection: { application_name: settings.applicationName },
    socket() {
      if (unused === undefined) throw connectionLost();
      const first = unused;
      unused = undefined;
      return first;
    },
    onnotice() {},
    ssl: false,
    sslnegotiation: "postgres",
    max: 1,
    max_pipeline: 1,
    // A pooler in transaction mode has another session for the next transaction.
    prepare: false,
    fetch_types: false,
    debug: false,
    connect_timeout: 0,
    idle_timeout: 0,
    max_lifetime: 0,
    backoff: false,
    keep_alive: 60,
    publications: "",
  };
  const sql = postgres(options as unknown as postgres.Options<Record<string, never>>);
  const writer = new StatementWriter();
  const client: Client = {
    get alive() {
      return alive;
    },
    run(text, parameters = []) {
      return new Promise((resolve, reject) => {
        rejectRunning = reject;
        if (socket.destroyed) lose();
        else
          sql.unsafe(text, [...parameters]).then((rows) => resolve({ rows, command: rows.command }), reject);
      });
    },
    runTogether(statements) {
      const reader = new AnswerReader(statements.length);
      return new Promise((resolve, reject) => {
        rejectRunning = () => reject(new ConnectionLost(reader));
        if (socket.destroyed) return lose();
        // The driver is idle, and hears nothing of an exchange that is not its own.
        const drivers = socket.listeners("data") as ((bytes: Buffer) => void)[];
        for (const listener of drivers) socket.off("data", listener);
        const read = (bytes: Buffer) => {
          try {
            if (!reader.push(bytes)) return;
          } catch (error) {
            reject(error);
            client.destroy();
            return;
          }
          socket.off("data", read);
          for (const listener of drivers) socket.on("data", listener);
          resolve(reader.answers);
        };
        socket.on("data", read);
        socket.write(writer.write(statements));
      });
    },
    destroy() {
      lose();
      // Sends Terminate; its promise may never settle, so nothing waits for it.
      void sql.end({ timeout: 0 });
      setTimeout(() => socket.destroy(), farewellMillis).unref();
    },
  };
  const abort = () => client.destroy();
  signal.addEventListener("abort", abort);
  try {
    await client.run("select 1");
    return client;
  } catch (error) {
    client.destroy();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** A connection that was lost while statements were sent together. */
export class ConnectionLost extends Error {
  readonly code = "CONNECTION_CLOSED";
  /** The answers that had come. */
  readonly answers: readonly Answer[];
  /** Why the server ended the session, if it said so, in answer to the statement after those. */
  readonly failure: Error | undefined;

  constructor({ answers, failure }: AnswerReader) {
    super("connection lost");
    this.answers = answers;
    this.failure = failure;
  }
}

function connectionLost(): Error {
  return Object.assign(new Error("connection lost"), { code: "CONNECTION_CLOSED" });
}

/** For Terminate to leave the machine; a server that does not read it is cut off. */
const farewellMillis = 100;
