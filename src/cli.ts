/** The command line as a whole: words in, exit code out. Every error of the program is printed here, once. */

import manifest from "../package.json" with { type: "json" };
import { commandGroups } from "./cli/commands.ts";
import { describeFailure } from "./cli/failure.ts";
import { parseCommandLine } from "./cli/parse.ts";
import type { Context } from "./commands/context.ts";
import { exitCodes } from "./errors.ts";
import { refuseDangerousEnvironment } from "./settings/environment-guard.ts";
import { createLog, type Log } from "./terminal/log.ts";

/** What the process gives: a command's context but for the log, which a flag can make quiet. */
export interface World extends Omit<Context, "log"> {
  /** The time of day. */
  readonly now: () => Date;
}

/**
 * Runs one command line to its end.
 *
 * @param words without the executable's own name
 * @returns the exit code; whatever went wrong has been printed
 */
export async function runCommandLine(words: readonly string[], world: World): Promise<number> {
  try {
    // If nobody can be told what comes of it, nothing is begun.
    await world.stdout.write("");
    return await answer(words, world);
  } catch (error) {
    const { text, exitCode } = describeFailure(error, words);
    // Where standard error is gone too, the exit code is all that can be said.
    await world.stderr.write(text).catch(() => {});
    return exitCode;
  }
}

async function answer(words: readonly string[], { now, ...world }: World): Promise<number> {
  const invocation = parseCommandLine(commandGroups, words);
  switch (invocation.kind) {
    case "version":
      await world.stdout.write(`etl ${manifest.version}\n`);
      return 0;
    case "help":
      await (invocation.answered ? world.stdout : world.stderr).write(invocation.text);
      return invocation.answered ? 0 : exitCodes.usage;
    case "run": {
      refuseDangerousEnvironment(world.env);
      const log = createLog(world.stderr, { quiet: invocation.quiet, now });
      const run = invocation.run({ ...world, log });
      // What was logged stands above the error, and a log that cannot be written does not hide the error.
      await run.catch(() => closeLog(log).catch(() => {}));
      const exitCode = await run;
      await closeLog(log);
      return exitCode;
    }
  }
}

async function closeLog(log: Log): Promise<void> {
  log.status(null);
  await log.flush();
}
