/** The settings as a person is shown them: what is in effect, which place set it, and nothing of a secret. */

import { writeColumn } from "./column-mapping.ts";
import { mayHoldPassword } from "./contradictions.ts";
import { secretReference } from "./secret.ts";
import { settingKeys, settingOf, type TabledKey } from "./setting-table.ts";
import { findSetting, type Origin, type SettingPlaces } from "./setting-value.ts";
import type { SettingsFile } from "./settings-file.ts";
import { tomlLines } from "./toml-line.ts";

/** Where a value that is shown came from; a file by the name it was read under. */
export type ShownOrigin =
  | Exclude<Origin, { readonly from: "file" }>
  | { readonly from: "file"; readonly path: string; readonly line?: number | undefined };

/** One setting. */
export interface ShownSetting {
  /** Its place in the file, such as `queue.url`; a column is `table.columns.NAME`. */
  readonly key: string;
  /** Undefined where nothing sets it, and where it is a secret. */
  readonly value: unknown;
  /** Whether there is a value that must not be shown. */
  readonly hidden: boolean;
  /** What applies where nothing sets it. */
  readonly otherwise?: string | undefined;
  readonly origin: ShownOrigin;
}

/** Settings whose values are secrets, unless they are references to one. */
const secrets: ReadonlySet<TabledKey> = new Set(["database.url", "database.password", "mask.key"]);

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

function isSecret(key: TabledKey, value: unknown, { from }: Origin): boolean {
  if (typeof value !== "string") return false;
  // The file alone can name a secret without holding it.
  if (secrets.has(key)) return from !== "file" || secretReference(value) === undefined;
  // Other URLs cannot hold a password, which does not keep anyone from writing one into them.
  return mayHoldPassword(value) || /^https?:.*@/is.test(value);
}
