/** `etl config show`: every setting that is in effect, and which of the places that may set it did. */

import { type ConnectionParts, parseConnectionUrl } from "../../postgres/connection-url.ts";
import type { ConfigShowOptions } from "../../settings/options.ts";
import { secretReference } from "../../settings/secret.ts";
import {
  findSetting,
  placesOf,
  type SettingPlaces,
  type ShownOrigin,
  type ShownSetting,
  shownSettings,
  variable,
} from "../../settings/setting-value.ts";
import { readSettingsFile } from "../../settings/settings-file.ts";
import { tomlValue } from "../../settings/settings-toml.ts";
import { readTextFile } from "../../settings/text-file.ts";
import { jsonLine } from "../../terminal/printable.ts";
import { formatTable } from "../../terminal/table.ts";
import type { Context } from "../context.ts";

/**
 * Prints the settings: to a person as a table, with `json` as one object a line.
 *
 * @returns 0
 * @throws EtlError of kind config where the settings file or the database's URL cannot be read
 */
export async function runConfigShow(
  { env, stdout, log }: Context,
  options: ConfigShowOptions,
): Promise<number> {
  const { json, config, ...flags } = options;
  const file = readSettingsFile(config ?? variable(env, "ETL_CONFIG"), readTextFile);
  if (file.path === undefined) log.info("there is no etl.toml here");
  const places = placesOf({ flags, env, file: file.settings });
  const settings = withUrlParts(shownSettings(places, file), places);
  if (json) {
    for (const setting of settings) await stdout.write(`${jsonLine(settingObject(setting))}\n`);
    return 0;
  }
  const rows = settings.map((setting) => [setting.key, shownValue(setting), shownOrigin(setting.origin)]);
  const columns = stdout.isTerminal ? stdout.columns : undefined;
  await stdout.write(`${formatTable(["setting", "value", "source"], rows, { columns })}\n`);
  return 0;
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
  switch (origin.from) {
    case "flag":
    case "environment":
      return origin.name;
    case "file":
      return origin.line === undefined ? origin.path : `${origin.path}:${origin.line}`;
    case "default":
      return "default";
  }
}

/** Null where nothing sets it, and where it is a secret. */
function settingObject({ key, value, hidden, origin }: ShownSetting): object {
  return { setting: key, value: value ?? null, ...(hidden ? { hidden } : {}), source: origin };
}
