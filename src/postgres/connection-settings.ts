/** Puts together where the database is and how to get in, from URL, `PG*` variables, file and libpq's defaults. */

import {
  type ConnectionParts,
  connectionParts,
  given,
  parseConnectionUrl,
  readPort,
  unusable,
} from "./connection-url.ts";
import { readTlsSettings, type TlsSettings } from "./tls.ts";

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

/** The settings, and what a person should know about how they were read. */
export interface ReadSettings {
  readonly settings: ConnectionSettings;
  readonly warnings: readonly string[];
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
export function readConnectionSettings(sources: ConnectionSources): ReadSettings {
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
  const warnings: string[] = [];
  let password = parts.password;
  const passwordPath = parts.passwordFile ?? inHome(".pgpass");
  if (password === undefined && passwordPath !== undefined) {
    const file = readFile(passwordPath);
    if (file?.openToOthers) {
      warnings.push(
        `password file ${passwordPath} is ignored: others may read it; try: chmod 0600 ${passwordPath}`,
      );
    } else if (file !== undefined) {
      password = findPassword(file.text, question);
    }
  }
  const connectTimeoutMillis = readTimeout(parts.connectTimeout);
  return {
    settings: {
      ...question,
      ...(password === undefined ? {} : { password }),
      // As in libpq: a Unix socket is never encrypted, whatever sslmode says.
      tls: host.startsWith("/")
        ? { mode: "disable" }
        : readTlsSettings({
            sslmode: parts.sslmode,
            sslrootcert: parts.sslrootcert,
            defaultRootPath: inHome(".postgresql/root.crt"),
            readText: (path) => readFile(path)?.text,
          }),
      applicationName: parts.applicationName ?? "etl",
      ...(connectTimeoutMillis === undefined ? {} : { connectTimeoutMillis }),
    },
    warnings,
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
