/** Reads the settings of a command: from its flags, its environment, and the file that they name. */

import type { SettingFlags } from "../settings/options.ts";
import { loadSettings, type Settings } from "../settings/settings.ts";
import { readTextFile } from "../settings/text-file.ts";
import type { Context } from "./context.ts";

/**
 * The settings; the log is kept from now on as they say.
 *
 * @throws EtlError of kind config
 */
export function readSettings({ env, log }: Pick<Context, "env" | "log">, flags: SettingFlags): Settings {
  const settings = loadSettings({ flags, env, readFile: readTextFile });
  log.configure(settings.log);
  return settings;
}
