/** Finds the value of one setting, which of the places that may set it did, and what of that a person may be shown. */

import type { Environment } from "../commands/context.ts";
import { EtlError } from "../errors.ts";
import { writeColumn } from "./column-mapping.ts";
import type { SettingFlags } from "./options.ts";
import { secretReference } from "./secret.ts";
import { flagKey, shownWord } from "./setting.ts";
import {
  type FileSettings,
  type SettingKey,
  type SettingValue,
  settingKeys,
  settingOf,
  type settingTable,
} from "./setting-table.ts";
import { mayHoldPassword, type SettingsFile } from "./settings-file.ts";
import { tomlLines } from "./toml-line.ts";

/** Where a value came from. */
type Origin =
  | { readonly from: "flag"; readonly name: string }
  | { readonly from: "environment"; readonly name: string }
  | { readonly from: "file" }
  /** The value is the default, or absent if there is none. */
  | { readonly from: "default" };

/** The places that may set it. */
export interface SettingPlaces {
  readonly flags: SettingFlags;
  readonly env: Environment;
  readonly file: FileSettings;
}

/**
 * The places, without what the file says for nothing: another database than the one that a flag or a variable names as a
 * whole, and another key than the environment's.
 */
export function placesOf({ flags, env, file }: SettingPlaces): SettingPlaces {
  const isSet = (key: SettingKey) => findSetting(key, { flags, env, file: {} }).value !== undefined;
  return {
    flags,
    env,
    file: {
      ...file,
      ...(isSet("database.url") ? { database: { schema: file.database?.schema } } : {}),
      ...(isSet("mask.key") || isSet("mask.key_file") ? { mask: { algorithm: file.mask?.algorithm } } : {}),
    },
  };
}

/**
 * Flag, environment, file, default: the first that has it. Undefined if nothing sets it and it has no default.
 *
 * @throws EtlError of kind config if a variable of etl's own holds what the setting does not take
 */
export function findSetting(
  key: SettingKey,
  { flags, env, file }: SettingPlaces,
): { readonly value: unknown; readonly origin: Origin } {
  const { flag, variables = [], ignoresVariables, fileFirst, default: standIn } = settingOf(key);
  const typed: unknown = flag && (flags as Readonly<Record<string, unknown>>)[flagKey(flag)];
  // A switch that was not typed is false.
  if (flag !== undefined && typed !== undefined && typed !== false) {
    return { value: typed, origin: { from: "flag", name: flag } };
  }
  const [section = "", inner = ""] = key.split(".");
  const sections: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> = file;
  const written = sections[section]?.[inner];
  if (written !== undefined && fileFirst) return { value: written, origin: { from: "file" } };
  const name = ignoresVariables?.(env) ? undefined : variables.find((candidate) => variable(env, candidate));
  if (name !== undefined) {
    return { value: fromVariable(key, name, env[name] ?? ""), origin: { from: "environment", name } };
  }
  if (written !== undefined) return { value: written, origin: { from: "file" } };
  return { value: standIn, origin: { from: "default" } };
}

/** What others' variables hold, such as `PGPORT`, is for those to judge who read them. */
function fromVariable(key: SettingKey, name: string, text: string): unknown {
  const { kind } = settingOf(key);
  if (!name.startsWith("ETL_") || !("read" in kind)) return text;
  const value = kind.read(text);
  if (value !== undefined) return value;
  throw new EtlError({
    kind: "config",
    operation: "settings",
    resource: name,
    message: `${name} must be ${kind.expected}; found ${shownWord(text)}`,
    hint: `unset ${name}`,
  });
}

/** What a setting is in the end: never undefined if it has a default. */
type Effective<Key extends SettingKey> =
  | SettingValue<Key>
  | ((typeof settingTable)[Key] extends { readonly default: unknown } ? never : undefined);

/** The value alone, typed. */
export function effectiveValue<Key extends SettingKey>(key: Key, places: SettingPlaces): Effective<Key> {
  // The schema and the flags have checked what each of the places holds.
  return findSetting(key, places).value as Effective<Key>;
}

/** A variable that is set to nothing counts as not set: that is how many a script takes one back. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

/** Where a value that is shown came from; a file by the name it was read under. */
export type ShownOrigin =
  | Exclude<Origin, { readonly from: "file" }>
  | { readonly from: "file"; readonly path: string; readonly line?: number | undefined };

/** One setting as a person is shown it: what is in effect, which place set it, and nothing of a secret. */
export interface ShownSetting {
  /** Its place in the file, such as `queue.url`; a column is `table.columns.NAME`. */
  readonly key: string;
  /** Undefined if nothing sets it, and if it is a secret. */
  readonly value: unknown;
  /** Whether there is a value that must not be shown. */
  readonly hidden: boolean;
  /** What applies if nothing sets it. */
  readonly otherwise?: string | undefined;
  readonly origin: ShownOrigin;
}

/** Every setting, in the order of the file, and then every column. */
export function shownSettings(
  places: SettingPlaces,
  { path = "", text = "", mapping }: SettingsFile,
): readonly ShownSetting[] {
  const columnPaths = mapping.columns.map((_, index) => ["table", "columns", index]);
  const lines = tomlLines(text, [...settingKeys.map((key) => key.split(".")), ...columnPaths]);
  const inFile = (index: number) => ({ from: "file", path, line: lines[index] }) as const;
  const single = settingKeys.map((key, index) => {
    const { value, origin } = findSetting(key, places);
    const hidden = isSecret(key, value, origin);
    return {
      key,
      value: hidden ? undefined : value,
      hidden,
      otherwise: settingOf(key).otherwise,
      origin: origin.from === "file" ? inFile(index) : origin,
    };
  });
  const columns = mapping.columns.map((column, index) => {
    const { name, ...entry } = writeColumn(column);
    const fromFile = places.file.table?.columns !== undefined;
    const origin: ShownOrigin = fromFile ? inFile(settingKeys.length + index) : { from: "default" };
    return { key: `table.columns.${name}`, value: entry, hidden: false, origin };
  });
  return [...single, ...columns];
}

function isSecret(key: SettingKey, value: unknown, { from }: Origin): boolean {
  if (typeof value !== "string") return false;
  // The file alone can name a secret without holding it.
  if (settingOf(key).secret) return from !== "file" || secretReference(value) === undefined;
  // Other URLs cannot hold a password, which does not keep anyone from writing one into them.
  return mayHoldPassword(value) || /^https?:.*@/is.test(value);
}
