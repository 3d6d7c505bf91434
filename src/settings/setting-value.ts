/** Finds the value of a setting, and which of the places that may set it did. */

import type { Environment } from "../commands/context.ts";
import { EtlError } from "../errors.ts";
import type { SettingFlags } from "./options.ts";
import { type Camel, camel, flagKey, shownWord } from "./setting.ts";
import {
  type FileSettings,
  type SettingKey,
  type SettingValue,
  settingKeys,
  settingOf,
  type settingTable,
} from "./setting-table.ts";

/** Where a value came from. */
export type Origin =
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
  const { flag, flagSets, variables = [], ignoresVariables, fileFirst, default: standIn } = settingOf(key);
  const typed: unknown = flag && (flags as Readonly<Record<string, unknown>>)[flagKey(flag)];
  // A switch that was not typed is false.
  if (flag !== undefined && typed !== undefined && typed !== false) {
    return { value: flagSets ?? typed, origin: { from: "flag", name: flag } };
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

type KeyOf<Name extends string> = Extract<SettingKey, `${Name}.${string}`>;

type CamelKey<Key extends SettingKey> = Key extends `${string}.${infer Inner}` ? Camel<Inner, "_"> : never;

/** The settings of one table of the file, under names such as `batchSize`; those that may be absent have no default. */
export type SectionSettings<Name extends string> = {
  readonly [Key in KeyOf<Name> as undefined extends Effective<Key> ? never : CamelKey<Key>]: Effective<Key>;
} & {
  readonly [Key in KeyOf<Name> as undefined extends Effective<Key> ? CamelKey<Key> : never]?: Effective<Key>;
};

/** The values of one table. */
export function sectionSettings<Name extends string>(
  name: Name,
  places: SettingPlaces,
): SectionSettings<Name> {
  const entries = settingKeys
    .filter((key) => key.startsWith(`${name}.`))
    .map((key) => [camel(key.slice(name.length + 1)), findSetting(key, places).value]);
  return Object.fromEntries(entries) as SectionSettings<Name>;
}

/** A variable that is set to nothing counts as not set: that is how many a script takes one back. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}
