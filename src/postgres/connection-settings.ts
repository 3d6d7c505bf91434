/** Where the database is and how to get in: put together from URL, `PG*` variables, file and libpq's defaults. */

import { X509Certificate } from "node:crypto";
import { EtlError } from "../errors.ts";
import { nearestName } from "../text/nearest-name.ts";

/** All that is needed to connect. Never to be printed as a whole: it holds the password. */
export interface ConnectionSettings {
  /** A name, an address, or the folder of a Unix socket (it then begins with a slash). */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  readonly tls: TlsSettings;
  readonly applicationName: string;
  /** Set if `connect_timeout` asks for a limit. */
  readonly connectTimeoutMillis?: number;
  /** The path of a password file that was not read because others may read it too. */
  readonly openPasswordFile?: string;
}

/** What `[database]` of the configuration file may say. */
type FileSection = Pick<ConnectionParts, "host" | "user" | "password" | "sslmode" | "sslrootcert"> & {
  readonly url?: string | undefined;
  readonly port?: number | undefined;
  readonly name?: string | undefined;
};

/** Where settings come from, and what of the machine they rest on. */
export interface ConnectionSources {
  /** `--database-url` or `DATABASE_URL`. If it is given, the file's section is not looked at. */
  readonly url?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: FileSection | undefined;
  /** Reads a small file; undefined if there is none. */
  readonly readFile: (path: string) => { readonly text: string; readonly openToOthers: boolean } | undefined;
  /** The operating system's user: libpq's default for the user. */
  readonly osUser: string;
  /** Where `.pgpass` and `.postgresql/root.crt` are looked for. */
  readonly homeFolder: string | undefined;
}

/** Variables that libpq knows and that would change to whom or how we connect, with the values that ask for nothing. */
const unsupportedVariables: Readonly<Record<string, readonly string[]>> = {
  PGHOSTADDR: [],
  PGSERVICE: [],
  PGOPTIONS: [],
  PGREQUIRESSL: ["0"],
  PGREQUIREAUTH: [],
  PGSSLCERT: [],
  PGSSLKEY: [],
  PGSSLCRL: [],
  PGSSLCRLDIR: [],
  PGSSLNEGOTIATION: ["postgres"],
  PGCHANNELBINDING: ["disable", "prefer"],
  PGGSSENCMODE: ["disable", "prefer"],
  // No value at all: the driver reads this one past us, and does not know `any`.
  PGTARGETSESSIONATTRS: [],
};

/**
 * Reads the settings. Each part is taken from the first that has it: URL, `PG*` variable, file, libpq's default.
 *
 * The file's password goes only to the host, port and user that stand beside it in the file: if a variable replaces
 * one of them, the password is not used.
 *
 * @throws EtlError of kind config; never with the URL or a password in it
 * @see https://www.postgresql.org/docs/current/libpq-envars.html
 */
export function readConnectionSettings(sources: ConnectionSources): ConnectionSettings {
  const { url, env, readFile, osUser, homeFolder } = sources;
  for (const [name, inert] of Object.entries(unsupportedVariables)) {
    const value = env[name];
    if (value !== undefined && value !== "" && !inert.includes(value)) {
      throw unusable(`${name} is set, and etl cannot do what it asks for`, `unset ${name}`);
    }
  }
  const inHome = (path: string) => (homeFolder === undefined ? undefined : `${homeFolder}/${path}`);
  const named = Object.entries(connectionParts).map(([part, [, variable]]) => [part, env[variable]]);
  const variables = given(Object.fromEntries(named));
  const ownUrl = url !== undefined && url !== "";
  const first = ownUrl ? parseConnectionUrl(url) : {};
  const last = ownUrl ? {} : partsOfFile(sources.file ?? {}, variables);
  const parts: ConnectionParts = { ...last, ...variables, ...first };

  const placeOf = (part: "host" | "port"): string => {
    if (first[part] === undefined && variables[part] !== undefined) return `PG${part.toUpperCase()}`;
    return ownUrl || sources.file?.url ? `the ${part} in the database URL` : `${part} of [database]`;
  };
  const { user = osUser, host = "localhost", port = "5432", database = user } = parts;
  if (host.includes(",")) {
    throw unusable(`${placeOf("host")} names several hosts, and etl connects to one`, "name one host");
  }
  const question = { host, port: readPort(port, placeOf("port")), database, user };
  const passwordPath = parts.passwordFile ?? inHome(".pgpass");
  const needsFile = parts.password === undefined && passwordPath !== undefined;
  const file = needsFile ? readFile(passwordPath) : undefined;
  const password = file && !file.openToOthers ? findPassword(file.text, question) : parts.password;
  const connectTimeoutMillis = readTimeout(parts.connectTimeout);
  return {
    ...question,
    ...(password === undefined ? {} : { password }),
    // As in libpq: a Unix socket is never encrypted, whatever sslmode says.
    tls: host.startsWith("/")
      ? { mode: "disable" }
      : readTlsSettings(parts, inHome(".postgresql/root.crt"), readFile),
    applicationName: parts.applicationName ?? "etl",
    ...(connectTimeoutMillis === undefined ? {} : { connectTimeoutMillis }),
    ...(needsFile && file?.openToOthers ? { openPasswordFile: passwordPath } : {}),
  };
}

function partsOfFile(file: FileSection, variables: ConnectionParts): ConnectionParts {
  const { url, port, name, ...rest } = file;
  const own = given({ ...rest, port: port?.toString(), database: name });
  const parts = url === undefined || url === "" ? own : { ...own, ...parseConnectionUrl(url) };
  const goesElsewhere = (["host", "port", "user"] as const).some(
    (part) => variables[part] !== undefined && variables[part] !== parts[part],
  );
  return goesElsewhere ? { ...parts, password: undefined } : parts;
}

/** As in libpq: 0 and less are no limit, and 1 is taken as 2. */
function readTimeout(seconds: string | undefined): number | undefined {
  if (seconds === undefined) return undefined;
  if (!/^\s*-?[0-9]{1,6}\s*$/.test(seconds)) {
    throw unusable("connect_timeout (PGCONNECT_TIMEOUT) is not a number of seconds", "PGCONNECT_TIMEOUT=10");
  }
  const limit = Number(seconds);
  return limit <= 0 ? undefined : Math.max(2, limit) * 1000;
}

/** Folders that libpq takes for its default socket folder, which the password file calls `localhost`. */
const defaultSocketFolders = ["/tmp", "/var/run/postgresql", "/run/postgresql"];

/**
 * Finds the password in libpq's password file, in the first line that fits: `host:port:database:user:password`, where
 * `*` fits anything and a backslash takes the next character as it is.
 *
 * @see https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export function findPassword(
  text: string,
  { host, port, database, user }: Pick<ConnectionSettings, "host" | "port" | "database" | "user">,
): string | undefined {
  const wanted = [defaultSocketFolders.includes(host) ? "localhost" : host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    // The first four fields end at a colon; the password is the rest of the line, up to one that is not escaped.
    const fields = (line.match(/(?:\\.|[^\\:])*(?:\\$)?(?::|$)/gs) ?? []).map((field) =>
      field.endsWith(":") && !field.endsWith("\\:") ? field.slice(0, -1) : field,
    );
    const plain = fields.map((field) => field.replace(/\\(.)/gs, "$1"));
    // `\*` is a literal star: the field as written tells the two apart.
    const fits = wanted.every((value, index) => fields[index] === "*" || plain[index] === value);
    if (fits && plain[4] !== undefined && plain[4] !== "") return plain[4];
  }
  return undefined;
}

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
function unusable(message: string, hint: string): EtlError {
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

/** @param source what to call the port in an error */
function readPort(text: string, source: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  throw unusable(`${source} is not a port`, "give a number from 1 to 65535");
}

/** Drops the parts that are empty: libpq reads an empty part as an absent one. */
function given(parts: Readonly<Record<string, string | undefined>>): ConnectionParts {
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

const tlsModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

/** How a connection is encrypted, and what of the server's certificate is checked. */
export type TlsMode = (typeof tlsModes)[number];

/** How to encrypt, and whom to trust. */
export interface TlsSettings {
  /** `verify-ca` checks who signed the certificate, `verify-full` also whose it is; the others check nothing. */
  readonly mode: TlsMode;
  /** The certificates to trust, as PEM, or the operating system's own; only if something is checked. */
  readonly authorities?: string | "system";
}

/** Whether a mode looks at the server's certificate. */
export function verifies(mode: TlsMode): mode is "verify-ca" | "verify-full" {
  return mode === "verify-ca" || mode === "verify-full";
}

/**
 * Decides how to encrypt, with libpq's meanings; the driver's own reading is too trusting. `require` becomes `verify-ca` if
 * there is a root certificate file, as in libpq. Unlike there, a file that was named and is not there is an error in every
 * mode that would have used it.
 *
 * @param defaultRootPath where libpq looks if `sslrootcert` names no file
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html
 */
function readTlsSettings(
  { sslmode, sslrootcert }: ConnectionParts,
  defaultRootPath: string | undefined,
  readFile: ConnectionSources["readFile"],
): TlsSettings {
  const word = sslmode ?? (sslrootcert === "system" ? "verify-full" : "prefer");
  const mode = tlsModes.find((known) => known === word);
  if (mode === undefined) {
    const hint = `use one of ${tlsModes.join(", ")}`;
    throw unusable("sslmode (PGSSLMODE) has a value that does not exist", hint);
  }
  if (sslrootcert === "system") {
    if (mode === "verify-full") return { mode, authorities: "system" };
    throw unusable(`sslrootcert=system cannot go with sslmode=${mode}`, "use sslmode=verify-full with it");
  }
  if (mode !== "require" && !verifies(mode)) return { mode };
  const path = sslrootcert ?? defaultRootPath;
  const file = path === undefined ? undefined : readFile(path);
  if (file !== undefined) {
    return { mode: mode === "require" ? "verify-ca" : mode, authorities: readCertificates(file.text) };
  }
  if (sslrootcert !== undefined) {
    throw unusable("the file that sslrootcert names is not there", "correct sslrootcert (PGSSLROOTCERT)");
  }
  if (mode === "require") return { mode };
  throw unusable(
    `sslmode=${mode} needs the certificate of the authority to trust`,
    "set sslrootcert (PGSSLROOTCERT) to its file, or to the word system with sslmode=verify-full",
  );
}

/** A file without a certificate would leave a TLS library with its own idea of whom to trust. */
function readCertificates(text: string): string {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  let fault = certificates.length === 0 ? "no certificate" : undefined;
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch {
    fault = "a broken certificate";
  }
  if (fault === undefined) return certificates.join("\n");
  throw unusable(`the file that sslrootcert names holds ${fault}`, "give a file of PEM certificates");
}
