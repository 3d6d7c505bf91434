/** Tells what in `etl.toml` does not go together, though each key is right by itself; a table's columns are told elsewhere. */

import type { FileSettings } from "./file-schema.ts";
import { keyFault, type SettingFault } from "./setting-fault.ts";

/** Everything of that kind. */
export function contradictions({ database = {}, mask = {} }: FileSettings): readonly SettingFault[] {
  const faults: SettingFault[] = [];
  const add = (section: string, key: string, says: string, hint: string) =>
    faults.push(keyFault([section, key], says, hint));

  const { url, password, password_file } = database;
  const parts = (["host", "port", "name", "user"] as const).filter((key) => database[key] !== undefined);
  if (url !== undefined && parts.length > 0) {
    add("database", "url", `stands beside ${parts.join(", ")}`, "keep the url, or the single keys");
  }
  const secret = password === undefined ? "password_file" : "password";
  if (password !== undefined && password_file !== undefined) {
    add("database", "password", "stands beside password_file", "keep one of the two");
  } else if (url !== undefined && mayHoldPassword(url) && database[secret] !== undefined) {
    add("database", secret, "stands beside a password in the url", "keep one of the two");
  }
  if (mask.key !== undefined && mask.key_file !== undefined) {
    add("mask", "key", "stands beside key_file", "keep one of the two");
  }
  return faults;
}

/** Rather once too often: a false alarm costs a `chmod`, a miss shows a password to every user of the host. */
export function mayHoldPassword(url: string): boolean {
  return /:\/\/[^@]*:[^@]*@/.test(url) || url.includes("password=");
}
