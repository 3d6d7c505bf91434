/** `etl config show`: every setting that is in effect, and which of the places that may set it did. */

import { type ConnectionParts, parseConnectionUrl } from "../../postgres/connection-settings.ts";
import { writeColumn } from "../../settings/column-mapping.ts";
import type { ConfigShowOptions } from "../../settings/options.ts";
import { secretReference } from "../../settings/secret.ts";
import { type SettingKey, settingKeys, settingOf } from "../../settings/setting-table.ts";
import {
  findSetting,
  type Origin,
  placesOf,
  type SettingPlaces,
  variable,
} from "../../settings/setting-value.ts";
import { mayHoldPassword, readSettingsFile, type SettingsFile } from "../../settings/settings-file.ts";
import { tomlValue } from "../../settings/settings-toml.ts";
import { readTextFile } from "../../settings/text-file.ts";
import { tomlLines } from "../../settings/toml-line.ts";
import { formatTable } from "../../terminal/table.ts";
import { jsonLine } from "../../terminal/text.ts";
import type { Context } from "../context.ts";

/**
 * Prints the settings: to a person as a table, with `json` as one object a line.
 *
 * @returns 0
 * @throws EtlError of kind config if the settings file or the database's URL cannot be read
 */
export async function runConfigShow(
  { env, stdout, log }: Context,
  { json, config, ...flags }: ConfigShowOptions,
): Promise<number> {
  const file = readSettingsFile(config ?? variable(env, "ETL_CONFIG"), readTextFile);
  if (file.path === undefined) log.info("there is no etl.toml here");
  const places = placesOf({ flags, env, file: file.settings });
  const settings = withUrlParts(shownSettings(places, file), places);
  if (json) {
    for (const { key, value = null, hidden, origin } of settings) {
      await stdout.write(
        `${jsonLine({ setting: key, value, ...(hidden ? { hidden } : {}), source: origin })}\n`,
      );
    }
    return 0;
  }
  const rows = settings.map((setting) => [setting.key, shownValue(setting), shownOrigin(setting.origin)]);
  const columns = stdout.isTerminal ? stdout.columns : undefined;
  await stdout.write(`${formatTable(["setting", "value", "source"], rows, { columns })}\n`);
  return 0;
}

/** Where a value came from; a file by the name it was read under. */
type ShownOrigin = Origin & { readonly path?: string; readonly line?: number | undefined };

interface ShownSetting {
  /** Its place in the file, such as `queue.url`; a column is `table.columns.NAME`. */
  readonly key: string;
  /** Undefined if nothing sets it, and if it is a secret. */
  readonly value: unknown;
  readonly hidden: boolean;
  /** What applies if nothing sets it. */
  readonly otherwise?: string | undefined;
  readonly origin: ShownOrigin;
}

/** Every setting, in the order of the file, and then every column, without what must not be shown. */
export function shownSettings(
  places: SettingPlaces,
  { path = "", text = "", mapping }: SettingsFile,
): readonly ShownSetting[] {
  const columnPaths = mapping.columns.map((_, index) => ["table", "columns", index]);
  const lines = tomlLines(text, [...settingKeys.map((key) => key.split(".")), ...columnPaths]);
  const shown = (origin: Origin, index: number): ShownOrigin =>
    origin.from === "file" ? { from: "file", path, line: lines[index] } : origin;
  const single = settingKeys.map((key, index) => {
    const { value, origin } = findSetting(key, places);
    const hidden = isSecret(key, value, origin);
    const { otherwise } = settingOf(key);
    return { key, value: hidden ? undefined : value, hidden, otherwise, origin: shown(origin, index) };
  });
  const from = places.file.table?.columns === undefined ? "default" : "file";
  const columns = mapping.columns.map((column, index) => {
    const { name, ...value } = writeColumn(column);
    const origin = shown({ from }, settingKeys.length + index);
    return { key: `table.columns.${name}`, value, hidden: false, origin };
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

/** The parts of a database URL, by the settings that they stand for. */
const urlParts: Readonly<Record<string, keyof ConnectionParts>> = {
  "database.host": "host",
  "database.port": "port",
  "database.name": "database",
  "database.user": "user",
  "database.password": "password",
  "database.sslmode": "sslmode",
  "database.sslrootcert": "sslrootcert",
};

/** A URL from a flag or a variable comes before the `PG*` variables part by part, one from the file after them. */
function withUrlParts(settings: readonly ShownSetting[], places: SettingPlaces): readonly ShownSetting[] {
  const { value: url, origin } = findSetting("database.url", places);
  const shownUrl = settings.find(({ key }) => key === "database.url");
  if (typeof url !== "string" || shownUrl === undefined) return settings;
  const inFile = origin.from === "file";
  // What a secret holds is not looked at, so its parts are not known.
  const parts = inFile && secretReference(url) !== undefined ? undefined : parseConnectionUrl(url);
  return settings.map((setting) => {
    const part = urlParts[setting.key];
    if (part === undefined || (inFile && setting.origin.from === "environment")) return setting;
    if (parts === undefined) {
      return setting.value === undefined ? { ...setting, otherwise: "as the url says" } : setting;
    }
    const value = parts[part];
    if (value === undefined) return setting;
    const hidden = part === "password";
    return { ...setting, value: hidden ? undefined : value, hidden, origin: shownUrl.origin };
  });
}

function shownValue({ key, value, hidden, otherwise }: ShownSetting): string {
  if (hidden) return key === "database.url" ? "(hidden; its parts are below)" : "(hidden)";
  if (value === undefined) return `(${otherwise ?? "not set"})`;
  return typeof value === "string" ? value : tomlValue(value);
}

function shownOrigin(origin: ShownOrigin): string {
  if (origin.from === "default") return "default";
  if (origin.from !== "file") return origin.name;
  return origin.line === undefined ? `${origin.path}` : `${origin.path}:${origin.line}`;
}
