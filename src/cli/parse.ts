/** From the words of a command line to what is to be done: one of the table's commands, help, or the version. */

import { cac } from "cac";
import type { Context } from "../commands/context.ts";
import { flagValue, unambiguousWords } from "./arguments.ts";
import type { Command, CommandGroup } from "./command.ts";
import { findCommand } from "./command-name.ts";
import { takesValue } from "./flag.ts";
import { commandHelp, groupHelp, overview } from "./help.ts";
import { usageError } from "./usage-error.ts";

/** What a command line asks for. */
export type Invocation =
  /** `answered` is false where no command was named: the help is then the answer to a mistake. */
  | { readonly kind: "help"; readonly text: string; readonly answered: boolean }
  | { readonly kind: "version" }
  | { readonly kind: "run"; readonly quiet: boolean; readonly run: (context: Context) => Promise<number> };

/**
 * Reads a command line.
 *
 * @param words without the executable's own name
 * @throws EtlError of kind usage
 */
export function parseCommandLine(groups: readonly CommandGroup[], words: readonly string[]): Invocation {
  const [first, ...rest] = words;
  if (first === undefined) return { kind: "help", text: overview(groups), answered: false };
  if (first === "help" || isHelp(first)) return help(groups, rest, true);
  if (first === "--version" || first === "-v") {
    if (rest.length === 0) return { kind: "version" };
    throw usageError(`${first} stands alone`);
  }
  const command = findCommand(commandsOf(groups), words.filter(isNoHelp));
  if (command === undefined || rest.some(isHelp)) return help(groups, words, rest.some(isHelp));
  const behind = words.slice(command.name.split(" ").length);
  return readWithCac(command, unambiguousWords(command, behind));
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

function isNoHelp(word: string): boolean {
  return !isHelp(word);
}

function commandsOf(groups: readonly CommandGroup[]): readonly Command[] {
  return groups.flatMap(({ commands }) => commands);
}

function help(groups: readonly CommandGroup[], words: readonly string[], answered: boolean): Invocation {
  const named = words.filter(isNoHelp);
  const [first] = named;
  if (first === undefined || first === "help") return { kind: "help", text: overview(groups), answered };
  const commands = commandsOf(groups);
  const command = findCommand(commands, named);
  return { kind: "help", text: command ? commandHelp(command) : groupHelp(commands, first), answered };
}

/** cac takes the checked words apart. It drops an action's promise, so its action only says what is to be run. */
function readWithCac(command: Command, words: readonly string[]): Invocation {
  const cli = cac("etl");
  const { argument, flags } = command;
  const declared = cli.command(argument === undefined ? command.name : `${command.name} [${argument.name}]`);
  for (const flag of Object.values(flags)) {
    declared.option(takesValue(flag) ? `${flag.name} <${flag.valueName}>` : flag.name, flag.description);
  }
  declared.action((...received: unknown[]): Invocation => {
    const options = received.at(-1) as Readonly<Record<string, unknown>>;
    const values: Record<string, unknown> = {};
    for (const [key, flag] of Object.entries(flags)) {
      values[key] = flagValue(command, flag, options[key]);
    }
    const file = argument === undefined ? undefined : (received[0] as string | undefined);
    return {
      kind: "run",
      quiet: values.quiet === true,
      run: (context) => command.run(context, values, file),
    };
  });
  // The two words of `keys generate` are one to cac, which never matches a command of two.
  cli.parse(["", "etl", command.name, ...words], { run: false });
  return cli.runMatchedCommand();
}
