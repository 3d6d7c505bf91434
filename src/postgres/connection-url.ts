/** Reads a `postgres://` URL as libpq does, without ever quoting it: it may hold a password. */

import { EtlError } from "../errors.ts";
import { nearestName } from "../text/nearest-name.ts";

/** What one layer of settings says of a connection; what is absent is left to the next layer. */
export interface ConnectionParts {
  /** A name, an address, or the folder of a Unix socket (it then begins with a slash). */
  readonly host?: string | undefined;
  /** As written; {@link readPort} reads it. */
  readonly port?: string | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly sslmode?: string | undefined;
  readonly sslrootcert?: string | undefined;
  readonly applicationName?: string | undefined;
  /** Whole seconds, as written. */
  readonly connectTimeout?: string | undefined;
  readonly passwordFile?: string | undefined;
}

const partOfParameter: Readonly<Record<string, keyof ConnectionParts>> = {
  host: "host",
  port: "port",
  dbname: "database",
  user: "user",
  password: "password",
  sslmode: "sslmode",
  sslrootcert: "sslrootcert",
  application_name: "applicationName",
  connect_timeout: "connectTimeout",
  passfile: "passwordFile",
};

/**
 * Values of libpq's other parameters that ask for nothing beyond what is done in any case. Any other value, and any
 * parameter that is not listed, is refused: ignoring it could mean a weaker connection than was asked for.
 */
const inertValues: Readonly<Record<string, readonly string[]>> = {
  channel_binding: ["disable", "prefer"],
  client_encoding: ["auto", "UTF8", "utf8", "UTF-8", "utf-8"],
  gssencmode: ["disable", "prefer"],
  load_balance_hosts: ["disable"],
  sslnegotiation: ["postgres"],
  target_session_attrs: ["any"],
};

/**
 * Takes a URL apart: `postgres://user:password@host:port/database?parameter=value`, every part optional. A `host`,
 * `port` or other part among the parameters comes before the one in front.
 *
 * @throws EtlError `config` for anything that would have to be guessed
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
  const colon = userInfo.indexOf(":");
  const user = colon < 0 ? userInfo : userInfo.slice(0, colon);
  const password = colon < 0 ? "" : userInfo.slice(colon + 1);
  return {
    ...given({
      host: decode(address6 ?? name ?? ""),
      port: decode(port ?? ""),
      database: decode(path),
      user: decode(user),
      password: decode(password),
    }),
    ...parametersOf(query),
  };
}

/**
 * Reads a port as it was written.
 *
 * @param source what to call it in an error
 * @throws EtlError `config`
 */
export function readPort(text: string, source: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) {
    throw new EtlError({
      kind: "config",
      operation: "connect",
      message: `${source} is not a port`,
      hint: "give a number from 1 to 65535",
    });
  }
  return port;
}

/** Drops the parts that are empty: libpq reads an empty part as an absent one. */
export function given(parts: ConnectionParts): ConnectionParts {
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
    const part = Object.hasOwn(partOfParameter, name) ? partOfParameter[name] : undefined;
    if (part !== undefined) {
      parts[part] = value;
    } else if (name === "ssl" && value === "true") {
      // What JDBC's URLs say; libpq reads it so, too.
      parts.sslmode = "require";
    } else if (!(Object.hasOwn(inertValues, name) && inertValues[name]?.includes(value))) {
      throw unsupported(name);
    }
  }
  return given(parts);
}

function unsupported(name: string): EtlError {
  // What stands before a misplaced `=` can be part of a password.
  const shown = /^[A-Za-z_]{1,40}$/.test(name) ? `parameter ${name}` : undefined;
  const supported = Object.keys(partOfParameter);
  const onlyThis = name === "ssl" || Object.hasOwn(inertValues, name);
  const nearest = shown === undefined || onlyThis ? undefined : nearestName(name, supported);
  const meant = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return new EtlError({
    kind: "config",
    operation: "connect",
    message: `the database URL's ${shown ?? "one parameter"} is not supported${onlyThis ? " with this value" : meant}`,
    hint: `${nearest === undefined ? "remove" : "correct"} it; supported are ${supported.join(", ")}`,
  });
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
  return new EtlError({
    kind: "config",
    operation: "connect",
    message: `the database URL cannot be read: ${reason}`,
    hint: "write postgres://user:password@host:5432/database, with @ / ? : % in a part percent-encoded",
  });
}
