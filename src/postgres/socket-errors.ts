/** Translates what goes wrong on the way to the database: names, sockets, TLS. */

import { EtlError, type EtlErrorParts } from "../errors.ts";

/** Where the connection goes, without a secret. */
interface Destination {
  readonly operation: string;
  readonly address: string;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOENT: "there is no such socket",
  EACCES: "the socket's folder does not let this user in",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the host name cannot be looked up at the moment",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the network",
  ETIMEDOUT: "the host does not answer",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  CONNECTION_CLOSED: "the connection was closed",
  CONNECTION_DESTROYED: "the connection was closed",
  CONNECTION_ENDED: "the connection was closed",
};

/** Translates an error that did not come from the server: all may pass, so all are retryable. */
export function socketError(error: unknown, { operation, address }: Destination): EtlError {
  const code = errorCode(error);
  const reason = (code && reasons[code]) ?? "the connection failed";
  return new EtlError({
    kind: "unavailable",
    operation,
    message: `the database at ${address} cannot be reached: ${reason}`,
    hint: "check host and port (PGHOST, PGPORT, DATABASE_URL), and that the database runs",
    retryable: true,
    code,
    cause: error,
  });
}

const certificateHints: Readonly<Record<string, Pick<EtlErrorParts, "message" | "hint">>> = {
  CERT_HAS_EXPIRED: {
    message: "the database's certificate has expired",
    hint: "renew the server's certificate",
  },
  CERT_NOT_YET_VALID: {
    message: "the database's certificate is not valid yet",
    hint: "check the clocks of this machine and of the server",
  },
};

/** Translates a failed TLS handshake (operation `encrypt`): what the certificate lacks, or that it broke off. */
export function handshakeError(error: unknown, { address }: Destination): EtlError {
  const operation = "encrypt";
  const code = errorCode(error);
  // OpenSSL's names of verification failures; anything else is the handshake or the socket.
  if (code === undefined || !/CERT|SIGNATURE|ISSUER|VERIF/.test(code)) {
    return new EtlError({
      kind: "unavailable",
      operation,
      message: `the database at ${address} broke off the TLS handshake`,
      hint: "check the TLS versions that the server allows",
      retryable: true,
      code,
      cause: error,
    });
  }
  return new EtlError({
    kind: "config",
    operation,
    message: "the database's certificate is not signed by an authority that is trusted here",
    hint: "set sslrootcert (PGSSLROOTCERT) to the certificate of the authority that signed it",
    ...certificateHints[code],
    code,
    cause: error,
  });
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
