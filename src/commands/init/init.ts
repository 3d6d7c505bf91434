/** `etl init`: asks for a queue, a database, a table and a mapping, and writes `etl.toml` once all of it fits. */

import { resolve } from "node:path";
import { EtlError } from "../../errors.ts";
import { commitUnknown } from "../../processing/outcome.ts";
import { loadSettings } from "../../settings/settings.ts";
import { defaultPath, readSettingsFile } from "../../settings/settings-file.ts";
import { type ReadFile, readTextFile } from "../../settings/text-file.ts";
import { goBack } from "../../setup/asker.ts";
import { setUp } from "../../setup/set-up.ts";
import type { Context } from "../context.ts";
import { stopExitCodes } from "../stop.ts";
import { type Answering, flagsAnswering, personAnswering } from "./askers.ts";
import { type InitOptions, planned, startOf } from "./settings.ts";
import { setupPorts } from "./world.ts";
import { nextSteps, remarks, requireWritable, writePlan } from "./writing.ts";

/**
 * Asks at a terminal. Elsewhere, and with `--yes`, flags, environment and an existing `etl.toml` are the answers.
 *
 * @returns 0; 129, 130 or 143 if the person backed out or a signal came: nothing is then written
 * @throws EtlError of kind usage if nobody can be asked and a flag is missing, or whatever is wrong with the answers
 */
export async function runInit(context: Context, options: InitOptions): Promise<number> {
  const configPath = options.config ?? (context.env.ETL_CONFIG || defaultPath);
  if (!options.print) requireWritable(resolve(configPath));
  const backingOut = new AbortController();
  let exitCode = stopExitCodes.SIGINT;
  const stopListening = context.onStopSignal((signal) => {
    exitCode = stopExitCodes[signal];
    backingOut.abort();
    // The second signal ends the process: messages then come back after the visibility timeout.
    stopListening();
  });
  const keyboard = options.yes || !context.stderr.isTerminal ? undefined : context.keyboard();
  const answering =
    keyboard === undefined
      ? flagsAnswering(context, !options.print)
      : personAnswering(keyboard, context.stderr, backingOut);
  try {
    await answerAndWrite(context, { ...options, configPath }, answering, backingOut.signal);
    return 0;
  } catch (error) {
    // If the commit was not answered, nobody knows whether a table was created.
    const isUnknown = error instanceof EtlError && error.code === commitUnknown;
    const isCancelled = (backingOut.signal.aborted || error === goBack) && !isUnknown;
    if (isCancelled) await answering.asker.tell("Cancelled: nothing was written.");
    await answering.end("Not finished.");
    if (!isCancelled) throw error;
    return exitCode;
  } finally {
    stopListening();
  }
}

async function answerAndWrite(
  context: Context,
  options: InitOptions & { readonly configPath: string },
  { asker, log, end }: Answering,
  signal: AbortSignal,
): Promise<void> {
  const { env, stdout } = context;
  const { configPath } = options;
  // A file that is not written yet is one without a setting.
  const readFile: ReadFile = (path) =>
    readTextFile(path) ?? (path === configPath ? { text: "", openToOthers: false } : undefined);
  const { settings: file } = readSettingsFile(configPath, readFile);
  const { queueUrl, databaseUrl, table } = options;
  const flags = { queueUrl, databaseUrl, table, config: configPath };
  const settings = loadSettings({ flags, env, readFile });
  log.configure(settings.log);
  const ports = setupPorts(settings, { ...context, log }, configPath, signal);
  const start = startOf(options, env, file, settings);
  const plan = await setUp({ asker, ports, start });
  try {
    const contents = planned(plan, file, env, configPath);
    if (options.print) {
      await end("Nothing was written.");
      await stdout.write(contents.toml);
      return;
    }
    const { made, failure } = await writePlan(plan, contents);
    await asker.tell(...made);
    for (const text of remarks(plan, env)) await asker.warn(text);
    await end("Next:");
    await stdout.write(nextSteps(plan, configPath, env, failure !== undefined));
    if (failure !== undefined) throw failure;
  } finally {
    plan.database.close();
  }
}
