/** What a shell must know of a command line to complete it, read from the table of commands. */

import type { Command } from "../command.ts";
import { type Flag, takesValue, type Values } from "../flag.ts";

/** A word to offer, and what it means. */
export interface Offer {
  readonly word: string;
  readonly description: string;
}

/** A flag of a command. */
export interface OfferedFlag extends Offer {
  /** Stands for the value, such as `URL`; absent where it takes none. */
  readonly valueName?: string;
  /** What the value is chosen from; absent where nothing can be known of it. */
  readonly values?: Values | undefined;
}

/** A command that words have been found for. */
export interface OfferedCommand {
  /** As in the table: one word, or two with a space. */
  readonly name: string;
  /** `--help` is the last one. */
  readonly flags: readonly OfferedFlag[];
  readonly argument: Command["argument"];
}

/** Everything that can stand on a line. */
export interface CommandLine {
  /** What may follow `etl`, and what may follow `etl help`. */
  readonly first: readonly Offer[];
  /** What may follow the first word of the commands of two words, by that word. */
  readonly second: ReadonlyMap<string, readonly Offer[]>;
  readonly commands: readonly OfferedCommand[];
}

/** What may stand alone behind `etl`, in place of a command. */
export const loneFlags: readonly Offer[] = [
  { word: "--help", description: "Show the commands" },
  { word: "--version", description: "Show the version" },
];

/** The word that shows a command's help. */
export const helpWord: Offer = { word: "help", description: "Show the help of a command" };

/** The line that the table of commands describes. */
export function commandLine(commands: readonly Command[]): CommandLine {
  const second = new Map<string, Offer[]>();
  for (const { name, summary } of commands) {
    const [group = "", word] = name.split(" ");
    if (word === undefined) continue;
    second.set(group, [...(second.get(group) ?? []), { word, description: summary }]);
  }
  const firstWords = new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""));
  const first = Array.from(firstWords, (word) => ({
    word,
    description:
      second
        .get(word)
        ?.map((offer) => offer.word)
        .join(", ") ??
      commands.find(({ name }) => name === word)?.summary ??
      "",
  }));
  return { first, second, commands: commands.map(offeredCommand) };
}

function offeredCommand({ name, flags, argument }: Command): OfferedCommand {
  const help = { word: "--help", description: "Show its help" };
  return { name, flags: [...Object.values(flags).map(offeredFlag), help], argument };
}

function offeredFlag(flag: Flag): OfferedFlag {
  const offer = { word: flag.name, description: flag.description };
  return takesValue(flag) ? { ...offer, valueName: flag.valueName, values: flag.values } : offer;
}
