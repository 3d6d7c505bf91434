/** Finds the command that a line names or, where it names none, the one that was meant. */

import type { EtlError } from "../errors.ts";
import { shownWord } from "../settings/shown-word.ts";
import { nearestName } from "../text/nearest-name.ts";
import type { Command } from "./command.ts";
import { didYouMean, usageError } from "./usage-error.ts";

/**
 * The command that the words begin with; undefined for the first word of a two-word command alone.
 *
 * @param words without those that ask for help
 * @throws EtlError of kind usage, with the command that was meant
 */
export function findCommand(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const [first = "", next] = words;
  const second = next?.startsWith("-") ? undefined : next;
  const found = commands.find(({ name }) => name === first || name === `${first} ${second}`);
  if (found !== undefined) return found;
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
  const meant =
    nearestFirstWord(first, names) ?? nearestName(first, pairs) ?? nearestSecondWord(first, pairs);
  throw unknownCommand([first], meant);
}

function nearestFirstWord(typed: string, names: readonly string[]): string | undefined {
  const words = new Set(names.map((name) => name.split(" ")[0] ?? ""));
  return nearestName(typed, [...words, "help", "--version"]);
}

/** `check` alone is enough to know what was meant, where one command alone ends with it. */
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
