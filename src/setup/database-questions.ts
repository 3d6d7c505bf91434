/** The middle questions: which database, and which of its tables. */

import { EtlError } from "../errors.ts";
import { type Asker, untilRight } from "./asker.ts";
import type { DatabaseAnswer, DatabaseUrl, Plan, Session, SetupDatabase, TargetTable } from "./ports.ts";
import { columnName, likeness, wordsOf } from "./words.ts";

type ChosenDatabase = Pick<Plan, "database" | "databaseAnswer">;

/** Asks for the database until it lets us in. Asks for a password if one is missing, and never shows it. */
export async function chooseDatabase(session: Session): Promise<ChosenDatabase> {
  const { asker, start } = session;
  const { databaseUrl } = start.given;
  const given = databaseUrl === undefined ? undefined : withoutPassword(databaseUrl);
  const chosen = await untilRight(asker, given, async (answer) =>
    connect(session, answer ?? (await askForDatabase(session))),
  );
  const { user, name, address } = chosen.database;
  await asker.tell(`Connected to database ${name} at ${address} as ${user}`);
  return chosen;
}

async function connect({ asker, ports }: Session, answer: DatabaseAnswer): Promise<ChosenDatabase> {
  try {
    return { databaseAnswer: answer, database: await ports.connect(answer) };
  } catch (error) {
    const isRefused = error instanceof EtlError && error.kind === "permission";
    if (!isRefused || answer === "settings" || answer.password !== undefined || !asker.isPerson) throw error;
    const password = await asker.secret("The user's password");
    if (password === "") throw error;
    const complete = { ...answer, password };
    return { databaseAnswer: complete, database: await ports.connect(complete) };
  }
}

async function askForDatabase({ asker, start: { databaseFrom } }: Session): Promise<DatabaseAnswer> {
  const known = databaseFrom === undefined ? undefined : `The one of ${databaseFrom}`;
  const kind = await asker.choose<"settings" | "url" | "parts">({
    message: "Which Postgres?",
    choices: [
      ...(known === undefined ? [] : [{ value: "settings" as const, label: known }]),
      { value: "url", label: "Give its URL" },
      { value: "parts", label: "Give host, database and user" },
    ],
    proposed: known === undefined ? "url" : "settings",
  });
  if (kind === "settings") return kind;
  return kind === "url" ? await askForUrl(asker) : await askForParts(asker);
}

async function askForUrl(asker: Asker): Promise<DatabaseUrl> {
  const url = await asker.text({
    message: "The database's URL; a password is asked for next",
    example: "postgres://user@host/database?sslmode=verify-full",
    fault: (text) =>
      /^postgres(ql)?:\/\//.test(text.trim()) ? undefined : "A database's URL begins with postgres://",
  });
  return withoutPassword(url.trim());
}

async function askForParts(asker: Asker): Promise<DatabaseUrl> {
  const ask = async (message: string, initial?: string) =>
    (await asker.text({ message, initial, fault: emptyFault })).trim();
  const host = await ask("Host, or HOST:PORT if the port is not 5432", "localhost");
  const name = await ask("Database");
  const user = await ask("User");
  const isLocal = /^(localhost|127\.|\[?::1|\/)/.test(host);
  const sslmode = await asker.choose<string>({
    message: "Encryption (sslmode)",
    choices: [
      { value: "verify-full", label: "verify-full", hint: "encrypted, checks the server's certificate" },
      { value: "require", label: "require", hint: "encrypted, does not check who answers" },
      { value: "disable", label: "disable", hint: "not encrypted; for this host" },
    ],
    proposed: isLocal ? "disable" : "verify-full",
  });
  const query = host.startsWith("/") ? `?host=${encodeURIComponent(host)}` : `?sslmode=${sslmode}`;
  const authority = host.startsWith("/") ? "" : host;
  return {
    url: `postgres://${encodeURIComponent(user)}@${authority}/${encodeURIComponent(name)}${query}`,
  };
}

function emptyFault(text: string): string | undefined {
  return text.trim() === "" ? "This cannot be empty" : undefined;
}

/**
 * Takes the password out of a URL, wherever libpq would find one: what is written into `etl.toml` must have none. A URL in
 * which nobody can tell where the password ends stays as it is; nothing connects with it either.
 */
export function withoutPassword(url: string): DatabaseUrl {
  const [, scheme = "", user = "", userPassword, rest = ""] =
    /^(\w+:\/\/)(?:([^@/?:]*)(?::([^@/?]*))?@)?(.*)$/s.exec(url) ?? [];
  if (scheme === "") return { url };
  const [place = "", query = ""] = rest.split(/\?(.*)/s);
  const parameters = query.split("&").filter((pair) => pair !== "");
  // A name may be percent-encoded, too.
  const isSecret = (pair: string) => decoded(pair.split("=")[0] ?? "") === "password";
  const kept = parameters.filter((pair) => !isSecret(pair));
  const password = parameters.findLast(isSecret)?.replace(/^[^=]*=/, "") ?? userPassword;
  return {
    url: `${scheme}${user === "" ? "" : `${user}@`}${place}${kept.length === 0 ? "" : `?${kept.join("&")}`}`,
    ...(password === undefined || password === "" ? {} : { password: decoded(password) }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** An existing table, or the name of a new one. */
export interface ChosenTable {
  readonly name: string;
  readonly found: TargetTable | undefined;
  /** Whether it is the table of the existing file. */
  readonly isFiles: boolean;
}

/** Asks for the table: an existing one, or the name of a new one. */
export async function chooseTable(
  session: Session,
  database: SetupDatabase,
  queueName: string,
): Promise<ChosenTable> {
  const { asker, start } = session;
  // A table has several names, with its schema and without; only the database knows which are the same.
  const before = start.table === undefined ? undefined : await nameOf(database, start.table);
  const chosen = await untilRight(asker, start.given.table, async (given) => {
    const typed = given ?? (await askForTable(asker, database, before, queueName));
    const found = await database.table(typed);
    const name = found?.name ?? typed;
    return { name, found, isFiles: name === before };
  });
  await asker.tell(
    chosen.found === undefined
      ? `Table ${chosen.name} does not exist yet`
      : `Table ${chosen.name} has ${chosen.found.columns.length} columns`,
  );
  return chosen;
}

/** The table's name as the database has it; as it was written if it does not exist, or is not a table's name. */
async function nameOf(database: SetupDatabase, written: string): Promise<string> {
  try {
    return (await database.table(written))?.name ?? written;
  } catch (error) {
    if (error instanceof EtlError && error.kind === "config") return written;
    throw error;
  }
}

async function askForTable(
  asker: Asker,
  database: SetupDatabase,
  before: string | undefined,
  queueName: string,
): Promise<string> {
  const tables = asker.isPerson ? await database.tables() : [];
  const subject = wordsOf(queueName).filter((word) => !["queue", "fifo", "sqs"].includes(word));
  const bareName = (name: string) => name.split(".").at(-1)?.replaceAll('"', "") ?? name;
  const alike = tables.find(({ sqlName }) => likeness(subject.join("_"), bareName(sqlName)) >= 0.6);
  const isMissing = before !== undefined && !tables.some(({ sqlName }) => sqlName === before);
  if (tables.length > 0 || isMissing) {
    const chosen = await asker.choose<string | undefined>({
      message: "Into which table?",
      choices: [
        ...(isMissing ? [{ value: before, label: before, hint: "as before" }] : []),
        ...tables.map(({ sqlName, columns, estimatedRows: rows }) => ({
          value: sqlName,
          label: sqlName,
          hint: `${columns} columns${rows === undefined ? "" : `, about ${rows} rows`}`,
        })),
        { value: undefined, label: "Create a new one" },
      ],
      proposed: before ?? alike?.sqlName,
    });
    if (chosen !== undefined) return chosen;
  }
  const proposed = columnName(subject);
  return await asker.text({
    message: "Name of the new table",
    initial: proposed === "_" ? undefined : proposed,
    fault: emptyFault,
  });
}
