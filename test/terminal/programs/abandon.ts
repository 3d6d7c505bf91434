/**
 * Writes more to standard output than a reader that does not read takes, until it counts as stuck, and then waits for it no
 * longer. Says on standard error, or in the file of that name, how it went, and exits with 9.
 */

import { writeFileSync } from "node:fs";
import { openOutputs } from "../../../src/terminal/output.ts";

const { stdout, stderr } = openOutputs(process);
const waiting = stdout.write("x".repeat(1_000_000));
const [path] = process.argv.slice(2);
const tell = (what: object) => {
  const line = `${JSON.stringify(what)}\n`;
  if (path === undefined) return stderr.write(line);
  writeFileSync(path, line, { flag: "a" });
};
await tell({ stuck: stdout.stuck, backlog: stdout.backlog });
while (!stdout.stuck) await Bun.sleep(10);
await tell({ stuck: stdout.stuck, abandoned: stdout.abandoned });
stdout.abandon();
await waiting;
await stdout.write("later");
await tell({ stuck: stdout.stuck, abandoned: stdout.abandoned, backlog: stdout.backlog });
process.exit(9);
