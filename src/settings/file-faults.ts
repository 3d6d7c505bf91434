/** Holds the text of `etl.toml` against the schema and what goes beyond it, and tells every fault by its line and key. */

import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { EtlError } from "../errors.ts";
import type { Mapping } from "../message/mapping.ts";
import { nearestName } from "../text/nearest-name.ts";
import { contradictions, mayHoldPassword } from "./contradictions.ts";
import { type FileSettings, fileSchema, knownKeys } from "./file-schema.ts";
import { keyFault, type SettingFault } from "./setting-fault.ts";
import { shownWord } from "./shown-word.ts";
import { readMapping } from "./table-mapping.ts";
import { requireOwnerOnly, type TextFile } from "./text-file.ts";
import { tomlLines } from "./toml-line.ts";

/** A file that is right, or all that is wrong with it. */
export type Inspection =
  | { readonly settings: FileSettings; readonly mapping: Mapping }
  | { readonly faults: readonly [EtlError, ...EtlError[]] };

/**
 * Reads the text of a settings file.
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
  const settings = withoutEmptyTables(result.output);
  const read = readMapping(settings.table);
  const faults = [...contradictions(settings), ...("faults" in read ? read.faults : [])];
  if (faults.length > 0 || "faults" in read) return { faults: placed(path, file.text, faults) };
  const exposed = exposedPassword(path, file, settings);
  return exposed === undefined ? { settings, mapping: read.mapping } : { faults: [exposed] };
}

/** A table without keys says as much as none. */
function withoutEmptyTables(settings: FileSettings): FileSettings {
  return Object.fromEntries(
    Object.entries(settings).filter(([, table]) => Object.keys(table ?? {}).length > 0),
  );
}

function syntaxError(path: string, error: unknown): EtlError {
  // The parser's message quotes lines of the file, and a line may hold a password: only the place is told.
  const place = error instanceof TomlError ? ` line ${error.line}, column ${error.column}:` : "";
  const [, told, hint] =
    error instanceof TomlError ? (syntaxFaults.find(([pattern]) => pattern.test(error.message)) ?? []) : [];
  return configError(
    `${path}${place} ${told ?? "this is not valid TOML"}`,
    hint ?? "look for a missing quote or bracket there",
  );
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
    "write it in quotes where a column's constant is meant to be that long",
  ],
  [/^Invalid TOML document: invalid date/, "this is no date", "write it in quotes where a text is meant"],
];

/** As errors, in the order of their lines. */
function placed(path: string, text: string, faults: readonly SettingFault[]): [EtlError, ...EtlError[]] {
  const lines = tomlLines(
    text,
    faults.map(({ keys }) => keys),
  );
  const [first, ...others] = faults
    .map((fault, index) => ({ fault, line: lines[index] }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .map(({ fault: { says, hint }, line }) => {
      const place = line === undefined ? path : `${path} line ${line}`;
      return configError(`${place}: ${says}`, hint ?? `edit ${place}`);
    });
  if (first === undefined) throw new Error("a refused file has a fault");
  return [first, ...others];
}

type Issue = v.InferIssue<typeof fileSchema>;

/** Where a table has a key that nobody knows, what it lacks is most likely that key, misspelt. */
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
  const parents = names.slice(0, -1);
  const key = names.at(-1) ?? "";
  const known = knownKeys(parents);
  const table = typeof keys.at(-2) === "number" ? `[[${parents.join(".")}]]` : `[${parents.join(".")}]`;
  const nearest = nearestName(key, known);
  const meant = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  return {
    keys,
    says: `there is no key ${shownWord(key)}${parents.length === 0 ? "" : ` in ${table}`}${meant}`,
    hint: `use one of ${known.join(", ")}, or take the line out`,
  };
}

/** The checks that only a value of a number key comes to. */
const rangeChecks: ReadonlySet<string> = new Set(["integer", "min_value", "max_value"]);

/** What was found, by its type: a value may be a secret in the wrong place. A number out of range is none. */
function found({ input, type }: v.BaseIssue<unknown>): string {
  if (typeof input === "string" && type === "picklist") return shownWord(input);
  if (typeof input === "string") return input === "" ? "an empty string" : "a string";
  if (typeof input === "number") return rangeChecks.has(type) ? String(input) : "a number";
  if (typeof input === "boolean") return "a boolean";
  if (Array.isArray(input)) return "an array";
  if (input instanceof Date) return "a date or time";
  return "a table";
}

function exposedPassword(path: string, file: TextFile, { database }: FileSettings): EtlError | undefined {
  if (database?.url === undefined || !mayHoldPassword(database.url)) return undefined;
  try {
    requireOwnerOnly(path, file, "a database password");
    return undefined;
  } catch (error) {
    return error as EtlError;
  }
}

function configError(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "settings", message, hint });
}
