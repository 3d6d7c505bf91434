/** What the set-up starts from, taken from the settings; and the `etl.toml` that it ends with. */

import type { Mapping } from "../../message/mapping.ts";
import { writeColumn } from "../../settings/column-mapping.ts";
import type { SettingFlags } from "../../settings/options.ts";
import type { FileSettings } from "../../settings/setting-table.ts";
import { type Settings, tableInSchema } from "../../settings/settings.ts";
import { parseSettings } from "../../settings/settings-file.ts";
import { settingsToml } from "../../settings/settings-toml.ts";
import { withoutPassword } from "../../setup/database-questions.ts";
import type { DatabaseAnswer, Plan, Start } from "../../setup/ports.ts";
import type { Environment } from "../context.ts";
import { defaultMethod } from "../masker.ts";

/** `etl init`. */
export interface InitOptions extends Pick<SettingFlags, "config" | "queueUrl" | "databaseUrl" | "table"> {
  readonly yes: boolean;
  readonly acceptGuesses: boolean;
  /** Write nothing, and print the file. */
  readonly print: boolean;
}

/** What is given, and what is proposed. `file` is the `etl.toml` that is read, if it exists. */
export function startOf(
  options: InitOptions & Pick<Start, "configPath">,
  env: Environment,
  file: FileSettings,
  { queue, table, mask }: Settings,
): Start {
  return {
    given: options,
    queue,
    databaseFrom: databaseFrom(env, file.database),
    table: file.table?.name && tableInSchema(file.table.name, file.database?.schema),
    mapping: file.table?.columns && table.mapping,
    defaultMask: defaultMethod(mask.algorithm),
    configPath: options.configPath,
    acceptGuesses: options.acceptGuesses,
    writes: !options.print,
  };
}

function databaseFrom(env: Environment, database: FileSettings["database"] = {}): string | undefined {
  if (env.DATABASE_URL) return "DATABASE_URL";
  if (["url", "host", "name", "user"].some((key) => key in database)) return "etl.toml";
  return ["PGHOST", "PGDATABASE", "PGUSER"].filter((name) => env[name]).join(", ") || undefined;
}

/** The file for the password, next to `etl.toml`. */
export const passwordFile = "etl-database.password";

export interface Planned {
  readonly configPath: string;
  /** `etl.toml`, with no secret in it. */
  readonly toml: string;
  /** For {@link passwordFile}, next to it. */
  readonly password?: string | undefined;
}

/** What was agreed on, and whatever else the old file says. */
export function planned(plan: Plan, old: FileSettings, env: Environment, configPath: string): Planned {
  const { queue, mapping, table, key } = plan;
  const { preset: _, conflict: __, key: ___, newest_by: ____, ...oldTable } = old.table ?? {};
  const { database, password } = plannedDatabase(plan.databaseAnswer, old.database ?? {}, env);
  const toml = settingsToml({
    ...old,
    queue: {
      ...old.queue,
      url: queue.url,
      envelope: queue.body.envelope === "none" ? undefined : queue.body.envelope,
      encoding: queue.body.encoding === "none" ? undefined : queue.body.encoding,
      extended_payloads: queue.extendedPayloads ? true : undefined,
    },
    database: database && (password === undefined ? database : { ...database, password_file: passwordFile }),
    ...(key?.file === undefined ? {} : { mask: { ...old.mask, key_file: key.file } }),
    table: { ...oldTable, name: table, ...conflictKeys(mapping), columns: mapping.columns.map(writeColumn) },
  });
  // What cannot be read again must not be written.
  parseSettings(configPath, toml);
  return { configPath, toml, password };
}

function plannedDatabase(
  answer: DatabaseAnswer,
  old: NonNullable<FileSettings["database"]>,
  env: Environment,
): Pick<FileSettings, "database"> & Pick<Planned, "password"> {
  if (answer !== "settings") {
    const schema = old.schema === undefined ? {} : { schema: old.schema };
    return { database: { url: answer.url, ...schema }, password: answer.password };
  }
  if (Object.keys(old).length > 0) {
    const { url, password } = withoutPassword(old.url ?? "");
    return password === undefined ? { database: old } : { database: { ...old, url }, password };
  }
  // A run without the variable then says what is missing.
  return env.DATABASE_URL ? { database: { url: "env:DATABASE_URL" } } : {};
}

function conflictKeys({ conflict }: Mapping): Partial<NonNullable<FileSettings["table"]>> {
  if (conflict.action === "reject") return {};
  return {
    conflict: conflict.action,
    ...(conflict.key === undefined ? {} : { key: [...conflict.key] }),
    ...(conflict.action === "update" ? { newest_by: conflict.newestBy } : {}),
  };
}
