/** Writes what a set-up ends with: first the table, which can still be called off, then the files; and says what is next. */

import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { EtlError } from "../../errors.ts";
import { defaultPath } from "../../settings/settings-file.ts";
import type { Plan } from "../../setup/ports.ts";
import { printable } from "../../terminal/text.ts";
import { shellQuoted } from "../../text/shell-quoted.ts";
import type { Environment } from "../context.ts";
import { createKeyFile, syncFolder } from "../keys.ts";
import { type Planned, passwordFile } from "./settings.ts";

export interface Written {
  /** What was made, one line each. */
  readonly made: readonly string[];
  /** Why the user may not create the table or the ledger; the files are written all the same. */
  readonly failure: EtlError | undefined;
}

/**
 * Creates the table and its ledger, then writes the key, the password's file and `etl.toml`. If this user may not create
 * a table, somebody else needs the file to do it.
 *
 * @throws EtlError of kind config if a file cannot be written: none of the new ones is then left; whatever creating the
 * table throws, except of kind `permission`
 */
export async function writePlan(plan: Plan, contents: Planned): Promise<Written> {
  let created: readonly string[] = [];
  let failure: EtlError | undefined;
  try {
    created = await plan.database.migrate(plan.table, plan.mapping);
  } catch (error) {
    if (!(error instanceof EtlError) || error.kind !== "permission") throw error;
    failure = error;
  }
  // Nothing waits from here on, so nothing can interrupt.
  const written = writeFiles(plan, contents);
  return {
    made: [...created.map((name) => `created ${name}`), ...written.map((path) => `wrote ${path}`)],
    failure,
  };
}

function writeFiles({ key }: Plan, { toml, password, configPath }: Planned): readonly string[] {
  const made: string[] = [];
  try {
    if (key?.isNew) {
      createKeyFile(resolve(key.place), key.bytes);
      made.push(key.place);
    }
    if (password !== undefined) {
      const path = join(dirname(configPath), passwordFile);
      replaceFile(path, `${password}\n`);
      made.push(path);
    }
    replaceFile(configPath, toml);
    return [...made, configPath];
  } catch (error) {
    // Nothing is masked with the new key yet, and nothing names the password's file.
    for (const path of made) fs.rmSync(path, { force: true });
    throw error;
  }
}

/**
 * Refuses a place that cannot be written to, before anything is asked.
 *
 * @throws EtlError of kind config
 */
export function requireWritable(path: string): void {
  try {
    fs.accessSync(dirname(path), fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw writeError(path, error);
  }
}

/**
 * Writes a file of mode 0600 in one step: a reader sees the old file or the new one, also after a crash. A symbolic link
 * stays one, and its target is replaced.
 *
 * @throws EtlError of kind config; the old file is then unchanged
 */
export function replaceFile(path: string, text: string): void {
  const target = fs.existsSync(path) ? fs.realpathSync(path) : path;
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${randomUUID()}`);
  try {
    fs.writeFileSync(temporary, text, { flag: "wx", mode: 0o600, flush: true });
    // The umask may have cut the mode.
    fs.chmodSync(temporary, 0o600);
    fs.renameSync(temporary, target);
    syncFolder(folder);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw writeError(path, error);
  }
}

function writeError(path: string, error: unknown): EtlError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  return new EtlError({
    kind: "config",
    operation: "init",
    message: `${path} cannot be written (${code})`,
    hint: `ls -ld ${shellQuoted(dirname(path))}, or name another file with --config`,
  });
}

/** The next commands, one a line, after one that unsets variables which would overrule the file. */
export function nextSteps(plan: Plan, configPath: string, env: Environment, isTableMissing: boolean): string {
  const flag = env.ETL_CONFIG || configPath === defaultPath ? "" : ` --config ${shellQuoted(configPath)}`;
  const overruling = overrulingVariables(plan, env);
  const commands = [
    ...(overruling.length === 0 ? [] : [`unset ${overruling.join(" ")}`]),
    ...(isTableMissing ? [`etl migrate${flag} --print`] : []),
    `etl drain${flag} --dry-run`,
    `etl drain${flag}`,
  ];
  return commands.map((line) => `${printable(line)}\n`).join("");
}

/** What a person should know of what was written. */
export function remarks(plan: Plan, env: Environment): readonly string[] {
  const { key } = plan;
  return [
    ...overrulingVariables(plan, env).map(
      (name) => `${name} is set, names something else, and comes before etl.toml`,
    ),
    ...(key?.isNew
      ? [`back up ${key.place}: without it, new rows no longer join with those masked before`]
      : []),
  ];
}

function overrulingVariables({ queue, databaseAnswer }: Plan, env: Environment): readonly string[] {
  const agreed = {
    ETL_QUEUE_URL: queue.url,
    DATABASE_URL: databaseAnswer === "settings" ? undefined : databaseAnswer.url,
  };
  return Object.entries(agreed).flatMap(([name, value]) =>
    env[name] && value !== undefined && env[name] !== value ? [name] : [],
  );
}
