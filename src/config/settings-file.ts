/** Reads `etl.toml`: finds it, parses it, and refuses what it does not know, by file, line and key. */

import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { EtlError } from "../errors.ts";
import { type FileSettings, fileSchema, knownKeys } from "./file-schema.ts";
import { nearestName } from "./nearest-name.ts";
import { shownWord } from "./shown-word.ts";
import { type ReadFile, requireOwnerOnly, type TextFile } from "./text-file.ts";
import { tomlLine } from "./toml-line.ts";

/** A settings file that was found, or that there is none. */
export interface SettingsFile {
  /** Absent where there is no file. */
  readonly path?: string | undefined;
  readonly settings: FileSettings;
}

/** The file that is read where none is named. */
const defaultPath = "etl.toml";

/**
 * Reads the named file, or `etl.toml` of the current folder where it exists.
 *
 * @param named what `--config` or `ETL_CONFIG` says
 * @throws EtlError of kind config: a named file that is missing, or anything in it that is not understood
 */
export function readSettingsFile(named: string | undefined, readFile: ReadFile): SettingsFile {
  const path = named ?? defaultPath;
  const file = readFile(path);
  if (file === undefined) {
    if (named === undefined) return { settings: {} };
    throw configError(`${path} does not exist`, "name another file with --config FILE or ETL_CONFIG");
  }
  const settings = validate(path, file.text, parseToml(path, file.text));
  refuseContradictions(path, file, settings);
  return { path, settings };
}

/** A path in the file is meant as seen from the file's folder, wherever `etl` is started. */
export function fromFolderOf(configPath: string | undefined, path: string): string {
  return resolve(dirname(configPath ?? defaultPath), path);
}

function parseToml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    // The parser's message quotes lines of the file, and a line may hold a password: only the place is told.
    const place = error instanceof TomlError ? ` line ${error.line}, column ${error.column}:` : "";
    throw configError(`${path}${place} this is not valid TOML`, "look for a missing quote or bracket there");
  }
}

function validate(path: string, text: string, document: unknown): FileSettings {
  const result = v.safeParse(fileSchema, document, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const keys = (issue.path ?? []).map((item) => String(item.key));
  const line = tomlLine(text, keys);
  const place = line === undefined ? path : `${path} line ${line}`;
  if (issue.type === "strict_object") throw unknownKey(place, keys);
  throw configError(
    `${place}: ${keys.join(".")} must be ${issue.message}; found ${found(issue)}`,
    `edit ${place}`,
  );
}

function unknownKey(place: string, keys: readonly string[]): EtlError {
  const key = keys.at(-1) ?? "";
  const parents = keys.slice(0, -1);
  const known = knownKeys(parents);
  const table = parents.length === 0 ? "" : ` in [${parents.join(".")}]`;
  const nearest = nearestName(key, known);
  const meant = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  return configError(
    `${place}: there is no key ${shownWord(key)}${table}${meant}`,
    `use one of ${known.join(", ")}, or take the line out`,
  );
}

/** The checks that only a value of a number key comes to. */
const rangeChecks: ReadonlySet<string> = new Set(["integer", "min_value", "max_value"]);

/** What was found, by its type: a value may be a secret in the wrong place. A number out of range is none. */
function found({ input, type }: v.BaseIssue<unknown>): string {
  if (typeof input === "string") return input === "" ? "an empty string" : "a string";
  if (typeof input === "number") return rangeChecks.has(type) ? String(input) : "a number";
  if (typeof input === "boolean") return "a boolean";
  if (Array.isArray(input)) return "an array";
  if (input instanceof Date) return "a date or time";
  return "a table";
}

/** What each key allows by itself, and the file as a whole does not. */
function refuseContradictions(path: string, file: TextFile, { database = {} }: FileSettings): void {
  const parts = (["host", "port", "name", "user"] as const).filter((key) => database[key] !== undefined);
  if (database.url === undefined) return;
  if (parts.length > 0) {
    throw configError(
      `${path}: [database] has a url and ${parts.join(", ")} as well`,
      "keep the url, or the single keys",
    );
  }
  if (!mayHoldPassword(database.url)) return;
  requireOwnerOnly(path, file, "a database password");
  if (database.password_file !== undefined) {
    throw configError(
      `${path}: [database] has a password in the url and a password_file as well`,
      "keep one of the two",
    );
  }
}

/** Rather once too often: a false alarm costs a `chmod`, a miss shows a password to every user of the host. */
function mayHoldPassword(url: string): boolean {
  return /:\/\/[^@]*:[^@]*@/.test(url) || url.includes("password=");
}

function configError(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "settings", message, hint });
}
