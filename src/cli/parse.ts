/** From the words of a command line to what is to be done: one of the table's commands, help, or the version. */

import { cac } from "cac";
import type { Context } from "../commands/context.ts";
import { EtlError } from "../errors.ts";
import { shownWord } from "../settings/setting.ts";
import { nearestName } from "../text/nearest-name.ts";
import { type Command, type CommandGroup, takesValue } from "./command.ts";
import { commandHelp, groupHelp, overview } from "./help.ts";

/** What a command line asks for. */
export type Invocation =
  /** `answered` is false if no command was named: the help is then the answer to a mistake. */
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
  const { values, argument } = readWords(command, words.slice(command.name.split(" ").length));
  return {
    kind: "run",
    quiet: values.quiet === true,
    run: (context) => command.run(context, values, argument),
  };
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

/**
 * The command that the words begin with, as cac finds it; undefined for the first word of a two-word command alone.
 *
 * @param words without those that ask for help
 * @throws EtlError of kind usage, with the command that was meant
 */
function findCommand(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const [first = "", next] = words;
  const second = next?.startsWith("-") ? undefined : next;
  const cli = cac("etl");
  for (const command of commands) cli.command(command.name).action(() => command);
  // The two words of `keys generate` are one to cac. The words behind the name are not for it: see `readWords`.
  for (const name of first.startsWith("-") ? [] : [first, `${first} ${second}`]) {
    cli.parse(["", "etl", name], { run: false });
    if (cli.matchedCommand) return cli.runMatchedCommand() as Command;
  }
  if (first.startsWith("-")) {
    const meant = nearestName(first, ["--version", "--help"]);
    throw usageError(
      `the command comes first, its flags behind it${didYouMean(meant)}`,
      `etl ${meant ?? "--help"}`,
    );
  }
  const names = commands.map(({ name }) => name);
  const group = names.filter((name) => name.startsWith(`${first} `));
  if (group.length > 0) {
    if (second === undefined) return undefined;
    throw unknownCommand([first, second], nearestName(`${first} ${second}`, group), `etl ${first} --help`);
  }
  const pairs = names.filter((name) => name.includes(" "));
  const pair = second && nearestName(`${first} ${second}`, pairs);
  if (pair) throw unknownCommand([first, second], pair);
  const firstWords = [...names.map((name) => name.split(" ")[0] ?? ""), "help", "--version"];
  const meant =
    nearestName(first, firstWords) ?? nearestName(first, pairs) ?? nearestSecondWord(first, pairs);
  throw unknownCommand([first], meant);
}

/** `check` alone is enough to know what was meant, if one command alone ends with it. */
function nearestSecondWord(typed: string, pairs: readonly string[]): string | undefined {
  const word = nearestName(
    typed,
    pairs.map((name) => name.split(" ")[1] ?? ""),
  );
  const [only, another] = pairs.filter((name) => name.endsWith(` ${word}`));
  return another === undefined ? only : undefined;
}

function unknownCommand(
  typed: readonly string[],
  meant: string | undefined,
  otherwise = "etl --help",
): EtlError {
  const hint = meant?.startsWith("-") ? `etl ${meant}` : `etl ${meant} --help`;
  return usageError(
    `there is no command ${typed.map(shownWord).join(" ")}${didYouMean(meant)}`,
    meant === undefined ? otherwise : hint,
  );
}

/**
 * Takes the words behind a command apart. cac cannot be trusted with them: it takes what follows `--`, lets a switch
 * swallow the next word, makes lists of repeated flags and turns `000123` and `1e3` into numbers.
 *
 * @throws EtlError of kind usage
 */
function readWords(command: Command, words: readonly string[]) {
  const flags = Object.entries(command.flags);
  const values: Record<string, unknown> = {};
  for (const [key, flag] of flags) values[key] = takesValue(flag) ? undefined : false;
  const positional: string[] = [];
  const given = new Set<string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (word === "--") throw refusal(command, "-- is not supported: what stands behind it would be lost");
    if (word === "-") throw refusal(command, "- for standard input or output is not supported");
    if (!word.startsWith("-")) {
      positional.push(word);
      continue;
    }
    const [, name = word, inlineValue] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    const [key, flag] = flags.find(([, candidate]) => candidate.name === name) ?? [];
    if (key === undefined || flag === undefined) throw unknownFlag(command, name);
    if (given.has(name)) throw refusal(command, `${name} is given twice`);
    given.add(name);
    if (!takesValue(flag)) {
      if (inlineValue !== undefined) throw refusal(command, `${name} takes no value`);
      values[key] = true;
      continue;
    }
    const { kind, valueName } = flag;
    const needs = `${name} needs ${kind.expected ?? `a value: ${name} ${valueName}`}`;
    const typed = inlineValue ?? words[++index];
    // A flag in the place of a value was forgotten, not meant; `-1` is a value, if a wrong one.
    if (typed === undefined || (inlineValue === undefined && typed.startsWith("--"))) {
      throw refusal(command, needs);
    }
    values[key] = kind.read(typed);
    if (values[key] === undefined) throw refusal(command, `${needs}; found ${shownWord(typed)}`);
  }
  return { values, argument: readArgument(command, positional) };
}

function readArgument(command: Command, words: readonly string[]): string | undefined {
  const { argument } = command;
  const surplus = words[argument === undefined ? 0 : 1];
  if (surplus !== undefined) {
    const meant = nearestFlag(command, surplus);
    throw refusal(command, `one argument too many: ${shownWord(surplus)}${didYouMean(meant)}`);
  }
  const [given] = words;
  if (argument === undefined) return undefined;
  const choices = typeof argument.values === "object" ? argument.values : undefined;
  const expected = choices === undefined ? "a value" : `one of ${choices.join(", ")}`;
  if (given === undefined && argument.required) {
    throw refusal(command, `${argument.name} is missing: ${expected}`);
  }
  if (given === undefined || choices === undefined || choices.includes(given)) return given;
  throw refusal(command, `${argument.name} needs ${expected}; found ${shownWord(given)}`);
}

function unknownFlag(command: Command, name: string): EtlError {
  if (name.startsWith("--no-")) {
    return refusal(command, "no flag is taken back with --no-…: leave the flag out instead");
  }
  if (name === "--config" && command.argument?.values === "files") {
    const typed = `etl ${command.name}`;
    return usageError(`${typed}: the file is named without --config`, `${typed} ${command.argument.name}`);
  }
  // Behind one dash may stand a whole secret, as in `-pPASSWORD`.
  const shown = name.startsWith("--") ? shownWord(name) : `"${name.slice(0, 2)}"`;
  return refusal(command, `there is no flag ${shown}${didYouMean(nearestFlag(command, name))}`);
}

function nearestFlag(command: Command, typed: string): string | undefined {
  const names = Object.values(command.flags).map((flag) => flag.name);
  return nearestName(typed, names);
}

function refusal(command: Command, message: string): EtlError {
  return usageError(`etl ${command.name}: ${message}`, `etl ${command.name} --help`);
}

/** The end of a message that found no such name; nothing if none is near. */
function didYouMean(name: string | undefined): string {
  return name === undefined ? "" : `; did you mean ${name}?`;
}

/** A mistake on the command line, which ends with exit 64. */
function usageError(message: string, hint = "etl --help"): EtlError {
  return new EtlError({ kind: "usage", operation: "command line", message, hint });
}
