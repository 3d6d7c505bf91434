/** What the set-up starts from, out of the settings that are there, and the `etl.toml` that it comes to. */

import type { Mapping } from "../../message/mapping.ts";
import { writeColumn } from "../../settings/column-mapping.ts";
import type { FileSettings } from "../../settings/setting-table.ts";
import { type Settings, tableInSchema } from "../../settings/settings.ts";
import { withoutPassword } from "../../setup/database-url.ts";
import type { Plan, Start } from "../../setup/plan.ts";
import type { DatabaseAnswer } from "../../setup/ports.ts";
import type { Environment } from "../context.ts";
import { defaultMethod } from "../masker.ts";

/** `etl init`. */
export interface InitOptions {
  readonly config?: string | undefined;
  readonly queueUrl?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly table?: string | undefined;
  /** Ask nothing. */
  readonly yes: boolean;
  /** Write nothing, and print the file. */
  readonly print: boolean;
}

/** The file that a password is kept in, beside `etl.toml`. */
export const passwordFile = "etl-database.password";

/** What there is to start from. */
interface Known {
  readonly options: InitOptions;
  readonly env: Environment;
  readonly file: FileSettings;
  readonly settings: Settings;
  readonly configPath: string;
}

/** What is given, and what is proposed. */
export function startOf({ options, env, file, settings, configPath }: Known): Start {
  return {
    given: { queueUrl: options.queueUrl, databaseUrl: options.databaseUrl, table: options.table },
    queueUrl: settings.queue.url,
    databaseFrom: databaseFrom(env, file),
    table: file.table?.name && tableInSchema(file.table.name, file.database?.schema),
    mapping: file.table?.columns && settings.table.mapping,
    body: settings.queue.body,
    extendedPayloads: settings.queue.extendedPayloads,
    defaultMask: defaultMethod(settings.mask.algorithm),
    configPath,
    writes: !options.print,
  };
}

function databaseFrom(env: Environment, { database = {} }: FileSettings): string | undefined {
  if (env.DATABASE_URL) return "DATABASE_URL";
  if (["url", "host", "name", "user"].some((key) => key in database)) return "etl.toml";
  const variables = ["PGHOST", "PGDATABASE", "PGUSER"].filter((name) => env[name]);
  return variables.length === 0 ? undefined : variables.join(", ");
}

/** What is to be written into which file. */
export interface Planned {
  /** `etl.toml`, with no secret in it. */
  readonly file: FileSettings;
  /** For a file of its own. */
  readonly password: string | undefined;
}

/** What was agreed on, and whatever else the old file says. */
export function planned(plan: Plan, old: FileSettings, env: Environment): Planned {
  const { queue, mapping, table, key } = plan;
  const { preset: _, conflict: __, key: ___, newest_by: ____, ...oldTable } = old.table ?? {};
  const { database, password } = plannedDatabase(plan.databaseAnswer, old.database, env);
  const file = {
    ...old,
    queue: {
      ...old.queue,
      url: queue.url,
      envelope: unlessPlain(queue.body.envelope),
      encoding: unlessPlain(queue.body.encoding),
      extended_payloads: queue.extendedPayloads ? true : undefined,
    },
    database,
    ...(key?.file === undefined ? {} : { mask: { ...old.mask, key_file: key.file } }),
    table: { ...oldTable, name: table, ...conflictKeys(mapping), columns: mapping.columns.map(writeColumn) },
  };
  return { file, password };
}

function unlessPlain<Word extends string>(word: Word): Word | undefined {
  return word === "none" ? undefined : word;
}

interface PlannedDatabase {
  readonly database: FileSettings["database"];
  readonly password: string | undefined;
}

function plannedDatabase(
  answer: DatabaseAnswer,
  old: FileSettings["database"],
  env: Environment,
): PlannedDatabase {
  if (answer.kind === "url") {
    const schema = old?.schema === undefined ? {} : { schema: old.schema };
    return {
      database: { url: answer.url, ...schema, ...inFile(answer.password) },
      password: answer.password,
    };
  }
  if (old !== undefined && Object.keys(old).length > 0) {
    const { url, password } = withoutPassword(old.url ?? "");
    if (password === undefined) return { database: old, password };
    return { database: { ...old, url, ...inFile(password) }, password };
  }
  // Named, so that a run without the variable says what is missing.
  const database = env.DATABASE_URL ? { url: "env:DATABASE_URL" } : undefined;
  return { database, password: undefined };
}

function inFile(password: string | undefined): { password_file?: string } {
  return password === undefined ? {} : { password_file: passwordFile };
}

function conflictKeys({ conflict }: Mapping): Partial<NonNullable<FileSettings["table"]>> {
  if (conflict.action === "reject") return {};
  return {
    conflict: conflict.action,
    ...(conflict.key === undefined ? {} : { key: [...conflict.key] }),
    ...(conflict.action === "update" ? { newest_by: conflict.newestBy } : {}),
  };
}
