/** The completion of the command line for fish, with a description of each word and flag. */

import type { Values } from "../flag.ts";
import { type CommandLine, helpWord, loneFlags, type Offer, type OfferedFlag } from "./line.ts";

/** The script, to be read by `source` or kept as `etl.fish` in a folder of `fish_complete_path`. */
export function fishCompletion({ first, second, commands }: CommandLine): string {
  const words = [
    ...[...first, helpWord].map((offer) => wordLine("", offer)),
    ...first.map((offer) => wordLine(helpWord.word, offer)),
    ...[...second].flatMap(([group, offers]) =>
      [group, `${helpWord.word} ${group}`].flatMap((line) => offers.map((offer) => wordLine(line, offer))),
    ),
  ];
  const flags = [
    ...loneFlags.map((flag) => flagLine("__etl_after", flag)),
    ...commands.flatMap((command) => command.flags.map((flag) => flagLine(`__etl_in ${command.name}`, flag))),
  ];
  const values = commands.flatMap(({ name, argument }) =>
    argument?.values === undefined
      ? []
      : [`complete -c etl -n '__etl_after ${name}' ${source(argument.values)}`],
  );
  return `# Completion of etl for fish, made by: etl completions fish

# Whether these words, and no other but flags, stand between etl and the cursor.
function __etl_after
    set -l typed (commandline -opc)
    set -l words (string match -v -- '-*' $typed[2..])
    test "$words" = "$argv"
end

# Whether these are the first words behind etl.
function __etl_in
    set -l typed (commandline -opc)
    test (count $typed) -gt (count $argv)
    and test "$typed[2..$(math (count $argv) + 1)]" = "$argv"
end

complete -c etl -f
${[...words, ...flags, ...values].join("\n")}
`;
}

function wordLine(after: string, { word, description }: Offer): string {
  const condition = after === "" ? "__etl_after" : `__etl_after ${after}`;
  return `complete -c etl -n '${condition}' -a ${word} -d ${quoted(description)}`;
}

function flagLine(condition: string, { word, description, valueName, values }: OfferedFlag): string {
  const value = valueName === undefined ? "" : values === undefined ? " -x" : ` -r ${source(values)}`;
  return `complete -c etl -n '${condition}' -l ${word.slice(2)}${value} -d ${quoted(description)}`;
}

function source(values: Values): string {
  return values === "files" ? "-F" : `-f -a ${quoted(values.join(" "))}`;
}

/** In fish a backslash escapes a quote inside of quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
