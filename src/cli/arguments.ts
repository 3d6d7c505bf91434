/** Checks the words behind a command before cac reads them, and writes them so that cac cannot misread them. */

import { nearestName } from "../config/nearest-name.ts";
import { shownWord } from "../config/shown-word.ts";
import { EtlError } from "../errors.ts";
import type { Command } from "./command.ts";
import { type Flag, takesValue } from "./flag.ts";

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
    if (word === "--") throw usageError(command, "-- is not supported: what stands behind it would be lost");
    if (word === "-") throw usageError(command, "- for standard input or output is not supported");
    if (!word.startsWith("-")) {
      positional.push(word);
      continue;
    }
    const [, name = word, inlineValue] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    const flag = flags.find((candidate) => candidate.name === name);
    if (flag === undefined) throw unknownFlag(command, name);
    if (given.has(flag)) throw usageError(command, `${name} is given twice`);
    if (!takesValue(flag)) {
      if (inlineValue !== undefined) throw usageError(command, `${name} takes no value`);
      given.set(flag, name);
      continue;
    }
    const value = inlineValue ?? words[++index];
    // A flag in the place of a value was forgotten, not meant; `-1` is a value, if a wrong one.
    if (value === undefined || (inlineValue === undefined && value.startsWith("--"))) {
      throw usageError(command, `${name} needs ${flag.expected}`);
    }
    given.set(flag, `${name}==${value}`);
  }
  const most = command.argument === undefined ? 0 : 1;
  const surplus = positional[most];
  if (surplus !== undefined) throw usageError(command, `one argument too many: ${shownWord(surplus)}`);
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
  throw usageError(command, `${flag.name} needs ${flag.expected}; found ${shownWord(text)}`);
}

function unknownFlag(command: Command, name: string): EtlError {
  if (name.startsWith("--no-")) {
    return usageError(command, "no flag is taken back with --no-…: leave the flag out instead");
  }
  const names = Object.values(command.flags).map((flag) => flag.name);
  const nearest = nearestName(name, names);
  // Behind one dash may stand a whole secret, as in `-pPASSWORD`.
  const shown = name.startsWith("--") ? shownWord(name) : `"${name.slice(0, 2)}"`;
  return usageError(
    command,
    `there is no flag ${shown}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
  );
}

function usageError(command: Command, message: string): EtlError {
  return new EtlError({
    kind: "usage",
    operation: "command line",
    message: `etl ${command.name}: ${message}`,
    hint: `etl ${command.name} --help`,
  });
}
