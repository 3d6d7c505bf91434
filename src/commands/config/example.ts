/** `etl config example`: a settings file to begin with. */

import { exampleToml } from "../../settings/example-toml.ts";
import type { Context } from "../context.ts";

/**
 * Prints the file.
 *
 * @returns 0
 */
export async function runConfigExample({ stdout }: Pick<Context, "stdout">): Promise<number> {
  await stdout.write(exampleToml());
  return 0;
}
