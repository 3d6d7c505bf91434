/**
 * A run on a terminal, for tests with a pseudo-terminal. Each line of standard input is one step:
 *
 *     info TEXT, warn TEXT       a log line
 *     progress LOADED            a state of the progress line
 *     columns                    the width, on standard output
 *     talk                       writes until the terminal is gone, then ends
 *     end                        the progress line's end, and the program's
 */

import { createLog, createProgress } from "../../../src/terminal/log.ts";
import { openOutputs } from "../../../src/terminal/output.ts";

const { stdout, stderr } = openOutputs(process);
const log = createLog(stderr, { quiet: false, now: () => new Date() });
const clock = { monotonicMillis: () => performance.now(), sleep: (millis: number) => Bun.sleep(millis) };
const progress = createProgress(log, stderr, clock);

await stdout.write(`terminal=${stdout.isTerminal} colours=${stdout.colours} columns=${stdout.columns}\n`);
for await (const line of console) {
  const [step, ...words] = line.split(" ");
  const text = JSON.parse(`"${words.join(" ")}"`) as string;
  if (step === "info") log.info(text);
  if (step === "warn") log.warn(text);
  if (step === "progress") {
    progress.update({ loaded: Number(text), rejected: 12, perSecond: 950, left: 4000, seconds: 12 });
  }
  if (step === "columns") await stdout.write(`columns=${stdout.columns}\n`);
  if (step === "talk") {
    while (!stdout.closed) await stdout.write(".");
    log.warn("said to nobody");
    await log.flush();
    process.exit(0);
  }
  await log.flush();
  if (step === "end") break;
}
progress.end();
await log.flush();
process.exit(0);
