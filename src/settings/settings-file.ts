/** Finds and reads `etl.toml`, and tells every fault of it by its line and key. */

import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { EtlError } from "../errors.ts";
import { type Mapping, userLogins } from "../message/mapping.ts";
import { nearestName } from "../text/nearest-name.ts";
import { columnKeys, columnSchema, isTable } from "./column-schema.ts";
import { shownWord } from "./setting.ts";
import { type FileSettings, settingKeys, settingOf } from "./setting-table.ts";
import { keyFault, readMapping, type SettingFault } from "./table-mapping.ts";
import { type ReadFile, requireOwnerOnly, type TextFile } from "./text-file.ts";
import { tomlLines } from "./toml-line.ts";

/** The file that is read if none is named. */
export const defaultPath = "etl.toml";

/** A settings file that was found, or that there is none. */
export interface SettingsFile {
  /** Absent, as is the text, if there is no file. */
  readonly path?: string | undefined;
  readonly text?: string | undefined;
  readonly settings: FileSettings;
  /** What `[table]` says; the preset if it says nothing. */
  readonly mapping: Mapping;
}

/**
 * Reads the named file, or `etl.toml` of the current folder if it exists.
 *
 * @param named what `--config` or `ETL_CONFIG` says
 * @throws EtlError of kind config: a named file that is missing, or the first thing in it that is not understood
 */
export function readSettingsFile(named: string | undefined, readFile: ReadFile): SettingsFile {
  const path = named ?? defaultPath;
  const file = readFile(path);
  if (file === undefined) {
    if (named === undefined) return { settings: {}, mapping: userLogins };
    throw configError(`${path} does not exist`, "name another file with --config FILE or ETL_CONFIG");
  }
  const inspection = inspectSettings(path, file);
  if ("faults" in inspection) throw inspection.faults[0];
  return { path, text: file.text, ...inspection };
}

/**
 * Reads a text as {@link readSettingsFile} reads a file for its owner alone.
 *
 * @param path what errors are to call it
 * @throws EtlError of kind config for the first thing in it that is not understood
 */
export function parseSettings(path: string, text: string): FileSettings {
  return readSettingsFile(path, () => ({ text, openToOthers: false })).settings;
}

/** A path in the file is meant as seen from the file's folder, wherever `etl` is started. */
export function fromFolderOf(configPath: string | undefined, path: string): string {
  return resolve(dirname(configPath ?? defaultPath), path);
}

/** The schemas of each table's keys. Strict, so that a misspelt key is an error and never a default. */
const sections: Record<string, Record<string, v.GenericSchema>> = {};
for (const key of settingKeys) {
  const [section = "", inner = ""] = key.split(".");
  sections[section] = { ...sections[section], [inner]: v.optional(settingOf(key).kind.schema) };
}
sections.table = {
  ...sections.table,
  columns: v.optional(
    v.pipe(
      v.array(columnSchema, "a list of tables: [[table.columns]]"),
      v.minLength(1, "a list of at least one column"),
    ),
  ),
};

const fileSchema = v.strictObject(
  Object.fromEntries(
    Object.entries(sections).map(([name, entries]) => [
      name,
      v.optional(v.pipe(v.custom<object>(isTable, "a table"), v.strictObject(entries))),
    ]),
  ),
);

/** The keys that a table of the file may hold; the tables themselves for the empty path. Indexes are left out of the path. */
const knownKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ["", Object.keys(sections)],
  ...Object.entries(sections).map(([name, keys]) => [name, Object.keys(keys)] as const),
  ...Object.entries(columnKeys),
]);

/** A file that is right, or all that is wrong with it. */
type Inspection =
  | { readonly settings: FileSettings; readonly mapping: Mapping }
  | { readonly faults: readonly [EtlError, ...EtlError[]] };

/**
 * Holds the text of a settings file against the schema and what goes beyond it.
 *
 * @param path what to call the file
 */
export function inspectSettings(path: string, file: TextFile): Inspection {
  let document: unknown;
  try {
    document = parse(file.text);
  } catch (error) {
    return { faults: [syntaxError(path, error)] };
  }
  const result = v.safeParse(fileSchema, document, { abortPipeEarly: true });
  if (!result.success) return { faults: placed(path, file.text, schemaFaults(result.issues)) };
  // A table without keys says as much as none.
  const settings = Object.fromEntries(
    Object.entries(result.output).filter(([, table]) => Object.keys(table ?? {}).length > 0),
  ) as FileSettings;
  const read = readMapping(settings.table);
  const faults = [...contradictions(settings), ...("faults" in read ? read.faults : [])];
  if (faults.length > 0 || "faults" in read) return { faults: placed(path, file.text, faults) };
  if (settings.database?.url !== undefined && mayHoldPassword(settings.database.url)) {
    try {
      requireOwnerOnly(path, file, "a database password");
    } catch (error) {
      return { faults: [error as EtlError] };
    }
  }
  return { settings, mapping: read.mapping };
}

/** Rather once too often: a false alarm costs a `chmod`, a miss shows a password to every user of the host. */
export function mayHoldPassword(url: string): boolean {
  return /:\/\/[^@]*:[^@]*@/.test(url) || url.includes("password=");
}

/** What does not go together, though each key is right by itself. */
function contradictions({ database = {}, mask = {} }: FileSettings): readonly SettingFault[] {
  const faults: SettingFault[] = [];
  const add = (section: string, key: string, says: string, hint = "keep one of the two") =>
    faults.push(keyFault([section, key], `stands beside ${says}`, hint));
  const { url, password, password_file } = database;
  const parts = (["host", "port", "name", "user"] as const).filter((key) => database[key] !== undefined);
  if (url !== undefined && parts.length > 0) {
    add("database", "url", parts.join(", "), "keep the url, or the single keys");
  }
  const secret = password === undefined ? "password_file" : "password";
  if (password !== undefined && password_file !== undefined) {
    add("database", "password", "password_file");
  } else if (url !== undefined && mayHoldPassword(url) && database[secret] !== undefined) {
    add("database", secret, "a password in the url");
  }
  if (mask.key !== undefined && mask.key_file !== undefined) add("mask", "key", "key_file");
  return faults;
}

/** What the parser's words say of faults that no bracket mends. */
const syntaxFaults: readonly (readonly [pattern: RegExp, told: string, hint: string])[] = [
  [
    /^Invalid TOML document: trying to redefine /,
    "this key or table is in the file twice",
    "keep one of the two",
  ],
  [
    /^Invalid TOML document: integer value cannot be represented /,
    "this number is too large",
    "write it in quotes if a column's constant is meant to be that long",
  ],
  [/^Invalid TOML document: invalid date/, "this is no date", "write it in quotes if a text is meant"],
];

/** The parser's message quotes lines of the file, and a line may hold a password: only the place is told. */
function syntaxError(path: string, error: unknown): EtlError {
  const toml = error instanceof TomlError ? error : undefined;
  const place = toml && ` line ${toml.line}, column ${toml.column}:`;
  const [, told = "this is not valid TOML", hint = "look for a missing quote or bracket there"] =
    syntaxFaults.find(([pattern]) => toml && pattern.test(toml.message)) ?? [];
  return configError(`${path}${place ?? ""} ${told}`, hint);
}

/** As errors, in the order of their lines. */
function placed(path: string, text: string, faults: readonly SettingFault[]): [EtlError, ...EtlError[]] {
  const lines = tomlLines(
    text,
    faults.map(({ keys }) => keys),
  );
  const [first, ...others] = faults
    .map((fault, index) => ({ ...fault, line: lines[index] }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .map(({ says, hint, line }) => {
      const place = line === undefined ? path : `${path} line ${line}`;
      return configError(`${place}: ${says}`, hint ?? `edit ${place}`);
    });
  if (first === undefined) throw new Error("a refused file has a fault");
  return [first, ...others];
}

type Issue = v.BaseIssue<unknown>;

/** If a table has a key that nobody knows, what it lacks is most likely that key, misspelt. */
function schemaFaults(issues: readonly Issue[]): readonly SettingFault[] {
  const tableOf = ({ path }: Issue) => path?.at(-1)?.input;
  const misspelt = new Set(issues.filter(({ expected }) => expected === "never").map(tableOf));
  const missing = ({ type, expected }: Issue) => type === "strict_object" && expected !== "never";
  return issues.filter((issue) => !(missing(issue) && misspelt.has(tableOf(issue)))).map(faultOf);
}

function faultOf(issue: Issue): SettingFault {
  const keys = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
  if (issue.type !== "strict_object") {
    return keyFault(keys, `must be ${issue.message}; found ${found(issue)}`);
  }
  return issue.expected === "never" ? unknownKey(keys) : keyFault(keys, "is missing");
}

function unknownKey(keys: SettingFault["keys"]): SettingFault {
  const names = keys.filter((key) => typeof key === "string");
  const parent = names.slice(0, -1).join(".");
  const key = names.at(-1) ?? "";
  const known = knownKeys.get(parent) ?? [];
  const table = typeof keys.at(-2) === "number" ? `[[${parent}]]` : `[${parent}]`;
  const nearest = nearestName(key, known);
  const meant = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  return {
    keys,
    says: `there is no key ${shownWord(key)}${parent === "" ? "" : ` in ${table}`}${meant}`,
    hint: `use one of ${known.join(", ")}, or take the line out`,
  };
}

/** The checks that only a value of a number key comes to. */
const rangeChecks: ReadonlySet<string> = new Set(["integer", "min_value", "max_value"]);

/** What was found, by its type: a value may be a secret in the wrong place. A number out of range is none. */
function found({ input, type }: Issue): string {
  if (typeof input === "string" && type === "picklist") return shownWord(input);
  if (typeof input === "string") return input === "" ? "an empty string" : "a string";
  if (typeof input === "number") return rangeChecks.has(type) ? String(input) : "a number";
  if (typeof input === "boolean") return "a boolean";
  if (Array.isArray(input)) return "an array";
  return input instanceof Date ? "a date or time" : "a table";
}

function configError(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "settings", message, hint });
}
