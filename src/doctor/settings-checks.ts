/** Checks what is on this machine: the settings, and the key that personal fields are masked under. */

import { type Answer, type Finding, failedBy, ok, warning } from "./finding.ts";

/** Settings that were read. */
export interface SettingsFacts {
  /** Absent where there is no settings file. */
  readonly configPath?: string | undefined;
  readonly table: string;
  readonly columns: number;
}

/** What masking rests on. */
export interface KeyFacts {
  /** Where the key is, and its length; absent where no column needs one. */
  readonly key?: { readonly place: string; readonly bytes: number; readonly inFile: boolean } | undefined;
  /** Whether a column is masked with a hash that anyone can make. */
  readonly plainHash: boolean;
}

/** The settings: that they can be read. */
export function checkSettings(answer: Answer<SettingsFacts>): Finding {
  if ("error" in answer) return failedBy("settings", answer.error);
  const { configPath, table, columns } = answer.value;
  const from = configPath ?? "no etl.toml";
  return ok("settings", `${from}; ${columns} ${columns === 1 ? "column" : "columns"} into ${table}`);
}

/** The mask key: that it is there, strong enough, and for its owner alone. */
export function checkKey(answer: Answer<KeyFacts>): Finding {
  if ("error" in answer) return failedBy("mask key", answer.error);
  const { key, plainHash } = answer.value;
  if (plainHash) {
    return warning(
      "mask key",
      "a column is masked with sha256 and no key: anyone can reverse an IPv4 address by trying all of them",
      '--mask hmac-sha256, or mask = "hmac" in the column\'s entry',
    );
  }
  if (key === undefined) return ok("mask key", "none is needed: no column is masked under a key");
  const alone = key.inFile ? ", for its owner alone" : "";
  return ok("mask key", `${key.place}: ${key.bytes} bytes${alone}`);
}
