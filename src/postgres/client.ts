/**
 * One connection, used by one caller at a time: a socket, encrypted as `sslmode` asks, and a driver that is given it and
 * never another.
 */

import { isIP, connect as openSocket, type Socket } from "node:net";
import * as tls from "node:tls";
import postgres from "postgres";
import { EtlError } from "../errors.ts";
import { type ConnectionSettings, verifies } from "./connection-settings.ts";
import { handshakeError, socketError } from "./errors.ts";
import { type Answer, AnswerReader, LastWords, type Statement, StatementWriter } from "./wire.ts";

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
   * @param onAnswer called whenever another of them has been answered
   * @returns an answer for each; one that failed has its error
   * @throws ConnectionLost
   */
  runTogether(statements: readonly Statement[], onAnswer?: () => void): Promise<readonly Answer[]>;
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
  const lastWords = new LastWords();
  socket.on("data", (bytes: Buffer) => lastWords.push(bytes));
  const lose = () => {
    alive = false;
    rejectRunning(lastWords.error ?? connectionLost());
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
        if (socket.destroyed) return lose();
        sql.unsafe(text, [...parameters]).then(
          (rows) => resolve({ rows, command: rows.command }),
          (error) => reject(lastWords.error ?? error),
        );
      });
    },
    runTogether(statements, onAnswer = () => {}) {
      const reader = new AnswerReader(statements.length);
      return new Promise((resolve, reject) => {
        rejectRunning = () => reject(new ConnectionLost(reader.answers, reader.failure ?? lastWords.error));
        if (socket.destroyed) return lose();
        // The driver is idle, and hears nothing of an exchange that is not its own.
        const others = socket.listeners("data") as ((bytes: Buffer) => void)[];
        socket.removeAllListeners("data");
        const read = (bytes: Buffer) => {
          const before = reader.answers.length;
          let rest: Buffer | undefined;
          try {
            rest = reader.push(bytes);
            if (reader.answers.length > before) onAnswer();
          } catch (error) {
            reject(error);
            client.destroy();
            return;
          }
          if (rest === undefined) return;
          socket.off("data", read);
          for (const listener of others) {
            socket.on("data", listener);
            if (rest.length > 0) listener(rest);
          }
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

  constructor(answers: readonly Answer[], failure: Error | undefined) {
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

/** Whether one attempt speaks TLS: not at all, if the server offers it, or not without. */
export type Encryption = "none" | "if-offered" | "always";

/** Asks the server whether it speaks TLS: a length of 8 and a magic number. */
const tlsRequest = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);

/** The server's name and port, or its socket's path, as errors show it. */
export function addressOf({ host, port }: ConnectionSettings): string {
  if (host.startsWith("/")) return `${host}/.s.PGSQL.${port}`;
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/**
 * Opens a socket. Whoever gives up first must abort the signal: it closes the socket at any stage.
 *
 * @throws EtlError; or the signal's reason
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
 */
async function dial(
  settings: ConnectionSettings,
  encryption: Encryption,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, port } = settings;
  const destination = { operation: "connect", address: addressOf(settings) };
  const unreachable = (error: unknown) => {
    throw socketError(error, destination);
  };
  signal.throwIfAborted();
  const socket = openSocket(host.startsWith("/") ? { path: destination.address } : { host, port });
  // An error without a listener would end the process; what matters is told by the promises below.
  socket.on("error", () => {});
  const abort = () => socket.destroy();
  signal.addEventListener("abort", abort);
  try {
    await once(socket, "connect").catch(unreachable);
    socket.setNoDelay(true);
    if (encryption === "none") return socket;
    const offered = await offersTls(socket).catch(unreachable);
    if (offered) return await encrypt(socket, settings, destination);
    if (encryption === "if-offered") return socket;
    throw new EtlError({
      ...destination,
      kind: "config",
      message: `the database at ${destination.address} does not speak TLS, and sslmode asks for it`,
      hint: "turn ssl on in the server, or set sslmode=disable if the network is trusted",
    });
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** @throws the socket's error, or one of our own if the answer is neither yes nor no */
async function offersTls(socket: Socket): Promise<boolean> {
  const answer = once<Buffer>(socket, "data");
  socket.write(tlsRequest);
  const word = (await answer).toString("latin1");
  // Bytes behind the one would be put in front of the encrypted connection, by whoever sent them.
  if (word !== "S" && word !== "N") throw new Error("neither S nor N");
  return word === "S";
}

async function encrypt(
  socket: Socket,
  { host, tls: { mode, authorities } }: ConnectionSettings,
  destination: { readonly operation: string; readonly address: string },
): Promise<Socket> {
  const checked = verifies(mode);
  const encrypted = tls.connect({
    socket,
    rejectUnauthorized: checked,
    // The name is checked below, on its own, so that it can be told from the signature.
    checkServerIdentity: () => undefined,
    ...(isIP(host) ? {} : { servername: host }),
    ...(checked ? { ca: authorities === "system" ? systemAuthorities() : authorities } : {}),
  } as tls.ConnectionOptions);
  encrypted.on("error", () => {});
  try {
    await once(encrypted, "secureConnect");
    if (checked && !encrypted.authorized) throw encrypted.authorizationError;
  } catch (error) {
    encrypted.destroy();
    throw handshakeError(error, destination);
  }
  if (mode === "verify-full" && tls.checkServerIdentity(host, encrypted.getPeerCertificate()) !== undefined) {
    encrypted.destroy();
    throw new EtlError({
      ...destination,
      kind: "config",
      message: `the database's certificate is not for the host ${host}`,
      hint: "connect under a name that the certificate has, or set sslmode=verify-ca",
    });
  }
  return encrypted;
}

/** If there are none, a TLS library would fall back on a list of its own. */
function systemAuthorities(): string[] {
  const authorities = tls.getCACertificates("system");
  if (authorities.length > 0) return authorities;
  throw new EtlError({
    kind: "config",
    operation: "connect",
    message: "sslrootcert=system is set, and the operating system has no certificates of authorities",
    hint: "install the package ca-certificates, or set sslrootcert (PGSSLROOTCERT) to a file",
  });
}

/** Resolves at the event; rejects if an error or the end comes first. */
function once<T = void>(socket: Socket, event: "connect" | "data" | "secureConnect"): Promise<T> {
  return new Promise((resolve, reject) => {
    const off = () => socket.off(event, arrived).off("error", reject).off("close", ended).off("end", ended);
    const arrived = (value: T) => {
      off();
      resolve(value);
    };
    const ended = () => {
      off();
      reject(connectionLost());
    };
    socket.on(event, arrived).on("error", reject).on("close", ended).on("end", ended);
  });
}
