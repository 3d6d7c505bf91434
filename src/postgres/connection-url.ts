/** Reads a `postgres://` URL as libpq does, without ever quoting it: it may hold a password. */

import { EtlError } from "../errors.ts";
import { nearestName } from "../text/nearest-name.ts";

/** A part of what is said of a connection: its parameter in a URL, and its variable. */
export const connectionParts = {
  /** A name, an address, or the folder of a Unix socket (it then begins with a slash). */
  host: ["host", "PGHOST"],
  /** As written; {@link readPort} reads it. */
  port: ["port", "PGPORT"],
  database: ["dbname", "PGDATABASE"],
  user: ["user", "PGUSER"],
  password: ["password", "PGPASSWORD"],
  sslmode: ["sslmode", "PGSSLMODE"],
  sslrootcert: ["sslrootcert", "PGSSLROOTCERT"],
  applicationName: ["application_name", "PGAPPNAME"],
  /** Whole seconds, as written. */
  connectTimeout: ["connect_timeout", "PGCONNECT_TIMEOUT"],
  passwordFile: ["passfile", "PGPASSFILE"],
} as const;

/** What one layer of settings says of a connection; what is absent is left to the next layer. */
export type ConnectionParts = { readonly [Part in keyof typeof connectionParts]?: string | undefined };

const partOfParameter: ReadonlyMap<string, string> = new Map(
  Object.entries(connectionParts).map(([part, [parameter]]) => [parameter, part]),
);

/**
 * Values of libpq's other parameters that ask for nothing beyond what is done in any case. Any other value, and any
 * parameter that is not listed, is refused: ignoring it could mean a weaker connection than was asked for.
 */
const inertValues: ReadonlyMap<string, readonly string[]> = new Map([
  ["channel_binding", ["disable", "prefer"]],
  ["client_encoding", ["auto", "UTF8", "utf8", "UTF-8", "utf-8"]],
  ["gssencmode", ["disable", "prefer"]],
  ["load_balance_hosts", ["disable"]],
  ["sslnegotiation", ["postgres"]],
  ["target_session_attrs", ["any"]],
]);

/** Settings that a connection cannot be made with. */
export function unusable(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "connect", message, hint });
}

/**
 * Takes a URL apart: `postgres://user:password@host:port/database?parameter=value`, every part optional. A `host`,
 * `port` or other part among the parameters comes before the one in front.
 *
 * @throws EtlError of kind config for anything that would have to be guessed
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parseConnectionUrl(url: string): ConnectionParts {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url);
  if (match === null) throw unreadable("it does not begin with postgres:// or postgresql://");
  const [, userInfo = "", address = "", path = "", query = ""] = match;
  // Both are what an unencoded @ or / in a password looks like: the rest of it would be taken for a host.
  if (address.includes("@") || path.includes("@")) throw unreadable("it has an @ where none can be");
  if (address.includes(",")) throw unreadable("it names several hosts, and etl connects to one");
  const hostAndPort = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(address);
  if (hostAndPort === null)
    throw unreadable("its host is not a name, an IPv4 address, or an IPv6 address in brackets");
  const [, address6, name, port] = hostAndPort;
  const [, user, password] = /^([^:]*):?(.*)$/s.exec(userInfo) ?? [];
  const inFront = { host: address6 ?? name, port, database: path, user, password };
  const decoded = Object.entries(inFront).map(([part, text]) => [part, decode(text ?? "")] as const);
  return { ...given(Object.fromEntries(decoded)), ...parametersOf(query) };
}

/**
 * Reads a port as it was written.
 *
 * @param source what to call it in an error
 * @throws EtlError of kind config
 */
export function readPort(text: string, source: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  throw unusable(`${source} is not a port`, "give a number from 1 to 65535");
}

/** Drops the parts that are empty: libpq reads an empty part as an absent one. */
export function given(parts: Readonly<Record<string, string | undefined>>): ConnectionParts {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined && value !== ""));
}

function parametersOf(query: string): ConnectionParts {
  const parts: Record<string, string> = {};
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    if (equals < 0) throw unreadable("a parameter has no value");
    const name = decode(pair.slice(0, equals));
    const value = decode(pair.slice(equals + 1));
    const part = partOfParameter.get(name);
    if (part !== undefined) parts[part] = value;
    // What JDBC's URLs say; libpq reads it so, too.
    else if (name === "ssl" && value === "true") parts.sslmode = "require";
    else if (!inertValues.get(name)?.includes(value)) throw unsupported(name);
  }
  return given(parts);
}

function unsupported(name: string): EtlError {
  // What stands before a misplaced `=` can be part of a password.
  const shown = /^[A-Za-z_]{1,40}$/.test(name) ? `parameter ${name}` : undefined;
  const supported = [...partOfParameter.keys()];
  const onlyThis = name === "ssl" || inertValues.has(name);
  const nearest = shown === undefined || onlyThis ? undefined : nearestName(name, supported);
  const meant = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return unusable(
    `the database URL's ${shown ?? "one parameter"} is not supported${onlyThis ? " with this value" : meant}`,
    `${nearest === undefined ? "remove" : "correct"} it; supported are ${supported.join(", ")}`,
  );
}

function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw unreadable("a % in it is not followed by two hexadecimal digits of UTF-8");
  }
  if (decoded.includes("\u0000")) throw unreadable("it has %00 in it");
  return decoded;
}

function unreadable(reason: string): EtlError {
  return unusable(
    `the database URL cannot be read: ${reason}`,
    "write postgres://user:password@host:5432/database, with @ / ? : % in a part percent-encoded",
  );
}
