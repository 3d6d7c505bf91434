/** Checks the words behind a command before cac reads them, and writes them so that cac cannot misread them. */

import type { EtlError } from "../errors.ts";
import { shownWord } from "../settings/shown-word.ts";
import { nearestName } from "../text/nearest-name.ts";
import type { Command } from "./command.ts";
import { type Flag, takesValue } from "./flag.ts";
import { didYouMean, usageError } from "./usage-error.ts";

/**
 * The words in the form that means one thing to cac: arguments first, then each flag as one word. Left to itself
 * cac takes what follows `--`, lets a switch swallow the next word, makes lists of repeated flags and turns
 * `000123` and `1e3` into numbers. The second `=` of `--table==000123` keeps a value text; {@link flagValue}
 * takes it off.
 *
 * @throws EtlError of kind usage
 */
export function unambiguousWords(command: Command, words: readonly string[]): string[] {
  const flags = Object.values(command.flags);
  const positional: string[] = [];
  const given = new Map<Flag, string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (word === "--") throw refusal(command, "-- is not supported: what stands behind it would be lost");
    if (word === "-") throw refusal(command, "- for standard input or output is not supported");
    if (!word.startsWith("-")) {
      positional.push(word);
      continue;
    }
    const [, name = word, inlineValue] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    const flag = flags.find((candidate) => candidate.name === name);
    if (flag === undefined) throw unknownFlag(command, name);
    if (given.has(flag)) throw refusal(command, `${name} is given twice`);
    if (!takesValue(flag)) {
      if (inlineValue !== undefined) throw refusal(command, `${name} takes no value`);
      given.set(flag, name);
      continue;
    }
    const value = inlineValue ?? words[++index];
    // A flag in the place of a value was forgotten, not meant; `-1` is a value, if a wrong one.
    if (value === undefined || (inlineValue === undefined && value.startsWith("--"))) {
      throw refusal(command, `${name} needs ${flag.expected}`);
    }
    given.set(flag, `${name}==${value}`);
  }
  checkArguments(command, positional);
  return [...positional, ...given.values()];
}

/**
 * The value of a flag from what cac made of its word; undefined where the flag was not given.
 *
 * @throws EtlError of kind usage
 */
export function flagValue(command: Command, flag: Flag, parsed: unknown): unknown {
  if (!takesValue(flag)) return parsed === true;
  if (parsed === undefined) return undefined;
  const text = String(parsed).slice(1);
  const value = flag.read(text);
  if (value !== undefined) return value;
  throw refusal(command, `${flag.name} needs ${flag.expected}; found ${shownWord(text)}`);
}

function checkArguments(command: Command, words: readonly string[]): void {
  const { argument } = command;
  const surplus = words[argument === undefined ? 0 : 1];
  if (surplus !== undefined) {
    const meant = nearestFlag(command, surplus);
    throw refusal(command, `one argument too many: ${shownWord(surplus)}${didYouMean(meant)}`);
  }
  if (argument === undefined) return;
  const [given] = words;
  const choices = typeof argument.values === "object" ? argument.values : undefined;
  const expected = choices === undefined ? "a value" : `one of ${choices.join(", ")}`;
  if (given === undefined && argument.required) {
    throw refusal(command, `${argument.name} is missing: ${expected}`);
  }
  if (given === undefined || choices === undefined || choices.includes(given)) return;
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
