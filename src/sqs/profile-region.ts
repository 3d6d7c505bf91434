/** The region of the profile that a person works with, for what is asked before a queue's URL names one. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `region` of the profile (`AWS_PROFILE`, else `default`) from AWS's configuration file.
 *
 * @returns undefined where there is no such file, profile or region: another source may know it
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function readProfileRegion(env: Environment): string | undefined {
  const path = env.AWS_CONFIG_FILE || (env.HOME ? join(env.HOME, ".aws", "config") : undefined);
  if (path === undefined) return undefined;
  const profile = env.AWS_PROFILE || "default";
  const sections = profile === "default" ? ["default", "profile default"] : [`profile ${profile}`];
  let region: string | undefined;
  let inProfile = false;
  for (const line of readLines(path)) {
    const section = /^\[\s*(.*?)\s*\]/.exec(line)?.[1];
    if (section !== undefined) inProfile = sections.includes(section.replace(/\s+/g, " "));
    // A line that is set in belongs to the setting above it.
    else if (inProfile) region = /^region\s*=\s*([A-Za-z0-9-]+)\s*(?:[#;].*)?$/.exec(line)?.[1] ?? region;
  }
  return region;
}

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/);
  } catch {
    return [];
  }
}
