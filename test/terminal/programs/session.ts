/**
 * A program on a terminal, for tests with a pseudo-terminal. Each line of standard input is one step:
 *
 *     columns      writes the width to standard output
 *     talk         writes until the terminal is gone, then ends
 */

import { createLog } from "../../../src/terminal/log.ts";
import { openOutputs } from "../../../src/terminal/output.ts";

const { stdout, stderr } = openOutputs(process);
const log = createLog(stderr, { quiet: false, now: () => new Date() });

await stdout.write(`terminal=${stdout.isTerminal} colours=${stdout.colours} columns=${stdout.columns}\n`);
for await (const step of console) {
  if (step === "columns") await stdout.write(`columns=${stdout.columns}\n`);
  if (step !== "talk") continue;
  while (!stdout.closed) await stdout.write(".");
  log.warn("said to nobody");
  await log.flush();
  process.exit(0);
}
