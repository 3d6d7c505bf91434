/** Finds the value of one setting, and which of the places that may set it did. */

import type { Environment } from "../commands/context.ts";
import type { FileSettings } from "./file-schema.ts";
import type { SettingFlags } from "./options.ts";
import { type SettingValue, settingOf, type settingTable, type TabledKey } from "./setting-table.ts";

/** Where a value came from. */
export type Origin =
  | { readonly from: "flag"; readonly name: string }
  | { readonly from: "environment"; readonly name: string }
  | { readonly from: "file" }
  /** The value is the default, or absent where there is none. */
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
  const places = { flags, env, file: {} };
  const otherDatabase = findSetting("database.url", places).value !== undefined;
  const otherKey = [findSetting("mask.key", places), findSetting("mask.key_file", places)].some(
    ({ value }) => value !== undefined,
  );
  return {
    flags,
    env,
    file: {
      ...file,
      ...(otherDatabase ? { database: { schema: file.database?.schema } } : {}),
      ...(otherKey ? { mask: { algorithm: file.mask?.algorithm } } : {}),
    },
  };
}

/** A value that was found; undefined where nothing sets it and it has no default. */
export interface FoundSetting<Value = unknown> {
  readonly value: Value | undefined;
  readonly origin: Origin;
}

/** What a setting is in the end: never undefined where it has a default. */
export type Effective<Key extends TabledKey> =
  | SettingValue<Key>
  | ((typeof settingTable)[Key] extends { readonly fallback: unknown } ? never : undefined);

/** Flag, environment, file, default: the first that has it. */
export function findSetting(key: TabledKey, { flags, env, file }: SettingPlaces): FoundSetting {
  const { flag, variables = [], ignoresVariables, fileFirst, fallback } = settingOf(key);
  const typed = flag && flags[flag];
  // A switch that was not typed is false.
  if (flag !== undefined && typed !== undefined && typed !== false) {
    return { value: typed, origin: { from: "flag", name: flagName(flag) } };
  }
  const written = fromFile(key, file);
  if (written !== undefined && fileFirst) return { value: written, origin: { from: "file" } };
  const name = ignoresVariables?.(env) ? undefined : variables.find((candidate) => variable(env, candidate));
  if (name !== undefined) return { value: env[name], origin: { from: "environment", name } };
  if (written !== undefined) return { value: written, origin: { from: "file" } };
  return { value: fallback, origin: { from: "default" } };
}

/** The value alone, typed. */
export function effectiveValue<Key extends TabledKey>(key: Key, places: SettingPlaces): Effective<Key> {
  // The schema and the flags have checked what each of the places holds.
  return findSetting(key, places).value as Effective<Key>;
}

/** A variable that is set to nothing counts as not set: that is how many a script takes one back. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function fromFile(key: TabledKey, file: FileSettings): unknown {
  const [section = "", name = ""] = key.split(".");
  return (file as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>)[section]?.[name];
}

function flagName(flag: string): string {
  return `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
