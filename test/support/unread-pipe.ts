/** A pipe whose other end is held open and not read: a reader that is stuck. */

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A pipe in a folder: its path, and a descriptor of each end, both to be closed by the caller. */
export function openUnreadPipe(folder: string) {
  const path = join(folder, crypto.randomUUID());
  Bun.spawnSync(["mkfifo", path]);
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { path, reading, writing: openSync(path, constants.O_WRONLY) };
}

/** Such a pipe, so full that it takes nothing more until someone reads. */
export function openFullPipe(folder: string) {
  const { path, reading, writing } = openUnreadPipe(folder);
  const filling = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(filling, "x".repeat(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
  }
  closeSync(filling);
  return {
    writing,
    /** Reads what was in the pipe, and all that comes until the last writer has gone. */
    async readOn(): Promise<string> {
      closeSync(writing);
      return (await Bun.spawn(["cat", path], { stdout: "pipe" }).stdout.text()).replace(/^x+/, "");
    },
    [Symbol.dispose]() {
      closeSync(reading);
    },
  };
}
