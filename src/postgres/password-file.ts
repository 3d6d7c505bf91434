/** Looks up a password in libpq's password file (`~/.pgpass`). */

/** What a password is looked up for. */
export interface PasswordQuestion {
  /** As it was given: a name, an address, or a Unix socket's folder. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** Folders that libpq takes for its default socket folder, which the file calls `localhost`. */
const defaultSocketFolders = ["/tmp", "/var/run/postgresql", "/run/postgresql"];

/**
 * Finds the password of the first line that fits: `host:port:database:user:password`, where `*` fits anything and a
 * backslash takes the next character as it is.
 *
 * @see https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export function findPassword(
  text: string,
  { host, port, database, user }: PasswordQuestion,
): string | undefined {
  const wanted = [defaultSocketFolders.includes(host) ? "localhost" : host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const fields = splitLine(line);
    const password = fields[4];
    // `\*` is a literal star; the raw text is what tells the two apart.
    const fits = wanted.every((value, index) => fields[index]?.raw === "*" || fields[index]?.value === value);
    if (password !== undefined && password.value !== "" && fits) return password.value;
  }
  return undefined;
}

interface Field {
  readonly raw: string;
  readonly value: string;
}

/** The first four fields end at a colon; the password is the rest of the line, up to a colon that is not escaped. */
function splitLine(line: string): readonly Field[] {
  const fields = line.match(/(?:\\.|[^\\:])*(?:\\$)?(?::|$)/gs) ?? [];
  return fields.slice(0, 5).map((field) => {
    const raw = field.endsWith(":") && !field.endsWith("\\:") ? field.slice(0, -1) : field;
    return { raw, value: raw.replace(/\\(.)/gs, "$1") };
  });
}
