/** What the figures were taken on, in a line. */

import { availableParallelism, cpus, release, totalmem, type } from "node:os";

/** Processor, memory, system, and the versions of what runs. */
export function machineLine(postgresVersion: string): string {
  const node = Bun.which("node");
  return [
    `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${type()} ${release()}`,
    `Bun ${Bun.version}`,
    ...(node === null ? [] : [`Node.js ${Bun.spawnSync([node, "--version"]).stdout.toString().trim()}`]),
    `Postgres ${postgresVersion}`,
  ].join("; ");
}
