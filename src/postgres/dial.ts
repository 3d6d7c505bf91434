/** Opens one socket to the database, encrypted as `sslmode` asks, before the driver says its first word on it. */

import { isIP, connect as openSocket, type Socket } from "node:net";
import * as tls from "node:tls";
import { EtlError } from "../errors.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { handshakeError, socketError } from "./socket-errors.ts";
import { verifies } from "./tls.ts";

/** Whether one attempt speaks TLS: not at all, where the server offers it, or not without. */
export type Encryption = "none" | "if-offered" | "always";

/** Asks the server whether it speaks TLS: a length of 8 and a magic number. */
const tlsRequest = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);

/** The server's name and port, or its socket's path, as errors show it. */
export function addressOf({ host, port }: ConnectionSettings): string {
  if (host.startsWith("/")) return socketPath(host, port);
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/**
 * Opens a socket. Whoever gives up first must abort the signal: it closes the socket at any stage.
 *
 * @throws EtlError; or the signal's reason
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
 */
export async function dial(
  settings: ConnectionSettings,
  encryption: Encryption,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, port } = settings;
  const destination = { operation: "connect", address: addressOf(settings) };
  signal.throwIfAborted();
  const socket = openSocket(host.startsWith("/") ? { path: socketPath(host, port) } : { host, port });
  // An error without a listener would end the process; what matters is told by the promises below.
  socket.on("error", () => {});
  const abort = () => socket.destroy();
  signal.addEventListener("abort", abort);
  try {
    await once(socket, "connect").catch((error) => {
      throw socketError(error, destination);
    });
    socket.setNoDelay(true);
    if (encryption === "none") return socket;
    const offered = await offersTls(socket).catch((error) => {
      throw socketError(error, destination);
    });
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

/** @throws the socket's error, or one of our own where the answer is neither yes nor no */
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

/** Where there are none, a TLS library would fall back on a list of its own. */
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

/** Resolves at the event; rejects where an error or the end comes first. */
function once<T = void>(socket: Socket, event: "connect" | "data" | "secureConnect"): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      socket.off(event, arrived).off("error", reject).off("close", ended).off("end", ended);
      act();
    };
    const arrived = (value: T) => settle(() => resolve(value));
    const ended = () =>
      settle(() => reject(Object.assign(new Error("closed"), { code: "CONNECTION_CLOSED" })));
    socket.on(event, arrived).on("error", reject).on("close", ended).on("end", ended);
  });
}

function socketPath(folder: string, port: number): string {
  return `${folder}/.s.PGSQL.${port}`;
}
