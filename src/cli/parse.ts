/** From the words of a command line to what is to be done: one of the table's commands, help, or the version. */

import { cac } from "cac";
import type { Context } from "../commands/context.ts";
import { nearestName } from "../config/nearest-name.ts";
import { shownWord } from "../config/shown-word.ts";
import { EtlError } from "../errors.ts";
import { flagValue, unambiguousWords } from "./arguments.ts";
import type { Command } from "./command.ts";
import { takesValue } from "./flag.ts";
import { commandHelp, overview } from "./help.ts";

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
export function parseCommandLine(commands: readonly Command[], words: readonly string[]): Invocation {
  const [first, ...rest] = words;
  if (first === undefined) return { kind: "help", text: overview(commands), answered: false };
  if (first === "help" || isHelp(first)) return help(commands, rest, true);
  if (first === "--version" || first === "-v") {
    if (rest.length === 0) return { kind: "version" };
    throw usageError(`${first} stands alone`);
  }
  const command = findCommand(commands, words);
  if (command === undefined || rest.some(isHelp)) return help(commands, words, rest.some(isHelp));
  const behind = words.slice(command.name.split(" ").length);
  return readWithCac(command, unambiguousWords(command, behind));
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

function help(commands: readonly Command[], words: readonly string[], answered: boolean): Invocation {
  const named = words.filter((word) => !isHelp(word));
  const [group] = named;
  if (group === undefined) return { kind: "help", text: overview(commands), answered };
  const command = findCommand(commands, named);
  return { kind: "help", text: command ? commandHelp(command) : overview(commands, group), answered };
}

/** The command that the words begin with; undefined for the first word of a two-word command alone. */
function findCommand(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const [first = "", second] = words.filter((word) => !isHelp(word));
  const found = commands.find(({ name }) => name === first || name === `${first} ${second}`);
  if (found !== undefined) return found;
  if (first.startsWith("-")) throw usageError("the command comes first, its flags behind it");
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length > 0 && second === undefined) return undefined;
  const typed = group.length > 0 ? `${first} ${second}` : first;
  const candidates = (group.length > 0 ? group : commands).map(({ name }) => name);
  const nearest = nearestName(typed, candidates);
  const shown = typed.split(" ").map(shownWord).join(" ");
  throw usageError(
    `there is no command ${shown}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
    nearest === undefined ? undefined : `etl ${nearest} --help`,
  );
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

function usageError(message: string, hint = "etl --help"): EtlError {
  return new EtlError({ kind: "usage", operation: "command line", message, hint });
}
