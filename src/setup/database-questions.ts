/** The middle questions: which database, and which of its tables. */

import { EtlError } from "../errors.ts";
import type { Asker } from "./asker.ts";
import { withoutPassword } from "./database-url.ts";
import type { Start } from "./plan.ts";
import type { DatabaseAnswer, SetupDatabase, SetupDatabases, TargetTable } from "./ports.ts";
import { untilRight } from "./retry.ts";
import { columnName, likeness, wordsOf } from "./words.ts";

const databaseFlag = "--database-url URL";
const tableFlag = "--table NAME";

/** A database that has answered, and how. */
export interface ChosenDatabase {
  readonly answer: DatabaseAnswer;
  readonly database: SetupDatabase;
}

/** Asks for the database until it lets us in. A password is asked for where one is missing, and never shown. */
export async function chooseDatabase(
  asker: Asker,
  databases: SetupDatabases,
  start: Start,
): Promise<ChosenDatabase> {
  const given = start.given.databaseUrl;
  const chosen = await untilRight(
    asker,
    given === undefined ? undefined : withoutPassword(given),
    async (answer) => connect(asker, databases, answer ?? (await askForDatabase(asker, start))),
  );
  const { user, name, address } = chosen.database;
  await asker.tell(`Connected to database ${name} at ${address} as ${user}`);
  return chosen;
}

async function connect(
  asker: Asker,
  databases: SetupDatabases,
  answer: DatabaseAnswer,
): Promise<ChosenDatabase> {
  try {
    return { answer, database: await databases.connect(answer) };
  } catch (error) {
    const mayNeedPassword =
      error instanceof EtlError &&
      error.kind === "permission" &&
      answer.kind === "url" &&
      answer.password === undefined &&
      asker.isPerson;
    if (!mayNeedPassword) throw error;
    const password = await asker.secret({ message: "The password of this user", flag: databaseFlag });
    if (password === "") throw error;
    const complete = { ...answer, password };
    return { answer: complete, database: await databases.connect(complete) };
  }
}

async function askForDatabase(asker: Asker, { databaseFrom }: Start): Promise<DatabaseAnswer> {
  const kind = await asker.choose<"settings" | "url" | "parts">({
    message: "Which Postgres?",
    flag: databaseFlag,
    choices: [
      ...(databaseFrom === undefined
        ? []
        : [{ value: "settings" as const, label: `The one of ${databaseFrom}` }]),
      { value: "url", label: "Give its URL" },
      { value: "parts", label: "Give host, database and user" },
    ],
    proposed: databaseFrom === undefined ? "url" : "settings",
    mayAssume: databaseFrom !== undefined,
  });
  if (kind === "settings") return { kind };
  return kind === "url" ? await askForUrl(asker) : await askForParts(asker);
}

async function askForUrl(asker: Asker): Promise<DatabaseAnswer> {
  const url = await asker.text({
    message: "The database's URL; a password is asked for next",
    flag: databaseFlag,
    example: "postgres://user@host/database?sslmode=verify-full",
    fault: (text) => (/^postgres(ql)?:\/\//.test(text.trim()) ? undefined : "It begins with postgres://"),
  });
  return withoutPassword(url.trim());
}

async function askForParts(asker: Asker): Promise<DatabaseAnswer> {
  const ask = (message: string, proposed?: string) =>
    asker.text({
      message,
      flag: databaseFlag,
      proposed,
      fault: (text) => (text.trim() === "" ? "It is not empty" : undefined),
    });
  const host = (await ask("Host, and port where it is not 5432", "localhost")).trim();
  const name = (await ask("Database")).trim();
  const user = (await ask("User")).trim();
  const isLocal = /^(localhost|127\.|\[?::1|\/)/.test(host);
  const sslmode = await asker.choose<string>({
    message: "Encryption (sslmode)",
    flag: databaseFlag,
    choices: [
      { value: "verify-full", label: "verify-full", hint: "as it should be" },
      { value: "require", label: "require", hint: "encrypted, whoever answers" },
      { value: "disable", label: "disable", hint: "on this host" },
    ],
    proposed: isLocal ? "disable" : "verify-full",
  });
  const query = host.startsWith("/") ? `?host=${encodeURIComponent(host)}` : `?sslmode=${sslmode}`;
  const authority = host.startsWith("/") ? "" : host;
  return {
    kind: "url",
    url: `postgres://${encodeURIComponent(user)}@${authority}/${encodeURIComponent(name)}${query}`,
  };
}

/** A table that is there, or the name of one that is not. */
export interface ChosenTable {
  readonly name: string;
  readonly found: TargetTable | undefined;
  /** Whether it is the table of the file that is there. */
  readonly isFiles: boolean;
}

/** Asks for the table: one that is there, or a name for a new one. */
export async function chooseTable(
  asker: Asker,
  database: SetupDatabase,
  start: Start,
  queueName: string,
): Promise<ChosenTable> {
  // One table has several names, with its schema and without: the database says which is which.
  const before = start.table === undefined ? undefined : await nameOf(database, start.table);
  const chosen = await untilRight(asker, start.given.table, async (given) => {
    const typed = given ?? (await askForTable(asker, database, before, queueName));
    const found = await database.table(typed);
    const name = found?.name ?? typed;
    return { name, found, isFiles: name === before };
  });
  await asker.tell(
    chosen.found === undefined
      ? `Table ${chosen.name} is not there yet: it will be created`
      : `Table ${chosen.name} has ${chosen.found.columns.length} columns`,
  );
  return chosen;
}

/** The table's name as the database has it; as it was written where there is none, or where it cannot be asked for. */
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
  const alike = tables.find(({ name }) => likeness([subject.join("_")], bareName(name)) >= 0.6)?.name;
  const known = before === undefined || tables.some(({ name }) => name === before) ? [] : [before];
  if (tables.length + known.length > 0) {
    const chosen = await asker.choose<string | undefined>({
      message: "Into which table?",
      flag: tableFlag,
      choices: [
        ...known.map((name) => ({ value: name, label: name, hint: "as before" })),
        ...tables.map(({ name, columns, rows }) => ({
          value: name,
          label: name,
          hint: `${columns} columns${rows === undefined ? "" : `, about ${rows} rows`}`,
        })),
        { value: undefined, label: "Create a new one" },
      ],
      proposed: before ?? alike,
      mayAssume: before !== undefined,
    });
    if (chosen !== undefined) return chosen;
  }
  const proposed = columnName(subject);
  return await asker.text({
    message: "Name of the new table",
    flag: tableFlag,
    proposed: proposed === "_" ? undefined : proposed,
    fault: (text) => (text.trim() === "" ? "It is not empty" : undefined),
  });
}

function bareName(name: string): string {
  return name.split(".").at(-1)?.replaceAll('"', "") ?? name;
}
