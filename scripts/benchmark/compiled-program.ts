/** Small programs compiled as `etl` is, to tell its own share from that of the runtime. */

import { join } from "node:path";

/**
 * Compiles with the flags of `scripts/build`.
 *
 * @returns the path of the executable
 */
export async function compileProgram(folder: string, name: string, source: string): Promise<string> {
  const executable = join(folder, name);
  await Bun.write(`${executable}.ts`, source);
  const flags = ["--compile", "--bytecode", "--format=esm", "--outfile", executable];
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "build", `${executable}.ts`, ...flags]);
  if (exitCode !== 0) throw new Error(`${name} cannot be compiled\n${stderr}`);
  return executable;
}
