/** Finds and reads `etl.toml`. */

import { dirname, resolve } from "node:path";
import { EtlError } from "../errors.ts";
import { type Mapping, userLogins } from "../message/mapping.ts";
import { inspectSettings } from "./file-faults.ts";
import type { FileSettings } from "./file-schema.ts";
import type { ReadFile } from "./text-file.ts";

/** A settings file that was found, or that there is none. */
export interface SettingsFile {
  /** Absent, as is the text, where there is no file. */
  readonly path?: string | undefined;
  readonly text?: string | undefined;
  readonly settings: FileSettings;
  /** What `[table]` says; the preset where it says nothing. */
  readonly mapping: Mapping;
}

/** The file that is read where none is named. */
export const defaultPath = "etl.toml";

/**
 * Reads the named file, or `etl.toml` of the current folder where it exists.
 *
 * @param named what `--config` or `ETL_CONFIG` says
 * @throws EtlError of kind config: a named file that is missing, or the first thing in it that is not understood
 */
export function readSettingsFile(named: string | undefined, readFile: ReadFile): SettingsFile {
  const path = named ?? defaultPath;
  const file = readFile(path);
  if (file === undefined) {
    if (named === undefined) return { settings: {}, mapping: userLogins };
    throw new EtlError({
      kind: "config",
      operation: "settings",
      message: `${path} does not exist`,
      hint: "name another file with --config FILE or ETL_CONFIG",
    });
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
