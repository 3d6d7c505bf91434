/** `etl init`: asks for a queue, a database, a table and a mapping, and writes `etl.toml` when all of it fits. */

import { resolve } from "node:path";
import { EtlError } from "../../errors.ts";
import { commitUnknown } from "../../processing/outcome.ts";
import { loadSettings } from "../../settings/settings.ts";
import { defaultPath, parseSettings, readSettingsFile } from "../../settings/settings-file.ts";
import { settingsToml } from "../../settings/settings-toml.ts";
import { type ReadFile, readTextFile } from "../../settings/text-file.ts";
import type { Plan } from "../../setup/plan.ts";
import { setUp } from "../../setup/set-up.ts";
import type { Context } from "../context.ts";
import { stopExitCodes } from "../stop.ts";
import { type Answering, flagsAnswering, personAnswering } from "./askers.ts";
import { requireWritable } from "./files.ts";
import { nextSteps, remarks } from "./next.ts";
import { setupPorts } from "./ports.ts";
import { type InitOptions, planned, startOf } from "./settings.ts";
import { type Contents, writePlan } from "./writing.ts";

/**
 * Asks at a terminal; elsewhere, and with `--yes`, takes flags, environment and an `etl.toml` that is there for answers.
 *
 * @returns 0; 129, 130 or 143 where the person backed out or a signal came: nothing is then written
 * @throws EtlError of kind usage where nobody can be asked and a flag is missing, or whatever keeps the answers from
 * working
 */
export async function runInit(context: Context, options: InitOptions): Promise<number> {
  const configPath = options.config ?? (context.env.ETL_CONFIG || defaultPath);
  if (!options.print) requireWritable(resolve(configPath));
  const backingOut = new AbortController();
  let exitCode = stopExitCodes.SIGINT;
  const stopListening = context.onStopSignal((signal) => {
    exitCode = stopExitCodes[signal];
    backingOut.abort();
    // The second signal ends the process: messages then come back by their time-out.
    stopListening();
  });
  const keyboard = options.yes || !context.stderr.isTerminal ? undefined : context.keyboard();
  const answering =
    keyboard === undefined
      ? flagsAnswering(context, !options.print)
      : personAnswering(keyboard, context.stderr, backingOut);
  try {
    await answer(context, options, { configPath, answering, signal: backingOut.signal });
    return 0;
  } catch (error) {
    // Whether a table was created where the commit was not answered is not known, and must not be denied.
    const isUnknown = error instanceof EtlError && error.code === commitUnknown;
    const isCancelled = backingOut.signal.aborted && !isUnknown;
    if (isCancelled) await answering.asker.tell("Cancelled: nothing was written.");
    await answering.end("Not finished.");
    if (!isCancelled) throw error;
    return exitCode;
  } finally {
    stopListening();
  }
}

interface Run {
  readonly configPath: string;
  readonly answering: Answering;
  readonly signal: AbortSignal;
}

async function answer(context: Context, options: InitOptions, run: Run): Promise<void> {
  const { configPath, answering, signal } = run;
  // A file that is yet to be written is one without a setting.
  const readFile: ReadFile = (path) =>
    readTextFile(path) ?? (path === configPath ? { text: "", openToOthers: false } : undefined);
  const { env } = context;
  const { queueUrl, databaseUrl, table } = options;
  const { settings: file } = readSettingsFile(configPath, readFile);
  const settings = loadSettings({
    flags: { queueUrl, databaseUrl, table, config: configPath },
    env,
    readFile,
  });
  answering.log.configure(settings.log);
  const ports = setupPorts(settings, { ...context, log: answering.log }, configPath, signal);
  const plan = await setUp(answering.asker, ports, startOf({ options, env, file, settings, configPath }));
  try {
    const { file: wanted, password } = planned(plan, file, env);
    const toml = settingsToml(wanted);
    // What could not be read again must not be written.
    parseSettings(configPath, toml);
    await finish(context, options, answering, plan, { toml, password, configPath });
  } finally {
    plan.database.close();
  }
}

async function finish(
  { env, stdout }: Context,
  { print }: InitOptions,
  answering: Answering,
  plan: Plan,
  contents: Contents,
): Promise<void> {
  if (print) {
    await answering.end("Nothing was written.");
    await stdout.write(contents.toml);
    return;
  }
  const { made, failure } = await writePlan(plan, contents);
  await answering.asker.tell(...made);
  for (const text of remarks(plan, env)) await answering.asker.warn(text);
  await answering.end("Next:");
  await stdout.write(nextSteps(plan, contents.configPath, env, failure !== undefined));
  if (failure !== undefined) throw failure;
}
