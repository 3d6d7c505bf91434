/** The help texts, made from the table of commands. */

import { type Command, type CommandGroup, takesValue } from "./command.ts";

const helpLine = ["-h, --help", "Show this help"] as const;
const versionLine = ["-v, --version", "Show the version"] as const;

/** What `etl --help` shows. */
export function overview(groups: readonly CommandGroup[]): string {
  const commands = groups.flatMap((group) => group.commands);
  const width = widest(commands.map(({ name }) => name));
  return sections([
    "Usage: etl COMMAND [options]",
    ...groups.map((group) => titled(group.title, group.commands.map(summarised), width)),
    titled("Options", [helpLine, versionLine], width),
    "More on one command: etl help COMMAND",
  ]);
}

/** What `etl keys --help` shows for the commands that begin with `keys`. */
export function groupHelp(commands: readonly Command[], word: string): string {
  const shown = commands.filter(({ name }) => name.startsWith(`${word} `));
  return sections([
    `Usage: etl ${word} COMMAND [options]`,
    titled("Commands", shown.map(summarised)),
    titled("Options", [helpLine]),
    `More on one command: etl help ${word} COMMAND`,
  ]);
}

/** What `etl COMMAND --help` shows. */
export function commandHelp(command: Command): string {
  const flags = Object.values(command.flags).map(
    (flag) => [takesValue(flag) ? `${flag.name} ${flag.valueName}` : flag.name, flag.description] as const,
  );
  const { argument } = command;
  return sections([
    `Usage: etl ${invocation(command)}${flags.length === 0 ? "" : " [options]"}`,
    command.summary,
    argument === undefined ? "" : titled("Argument", [[argument.name, argument.description]]),
    titled("Options", [...flags, helpLine]),
    `Examples:\n${command.examples.map((line) => `  ${line}`).join("\n")}`,
  ]);
}

type Line = readonly [term: string, text: string];

function summarised({ name, summary }: Command): Line {
  return [name, summary];
}

function invocation({ name, argument }: Command): string {
  if (argument === undefined) return name;
  return `${name} ${argument.required ? argument.name : `[${argument.name}]`}`;
}

/** @param width of the terms, where other lists are to stand in line with this one */
function titled(title: string, lines: readonly Line[], width = widest(lines.map(([term]) => term))): string {
  return `${title}:\n${lines.map(([term, text]) => `  ${term.padEnd(width)}  ${text}`).join("\n")}`;
}

function widest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

function sections(texts: readonly string[]): string {
  return `${texts.filter((text) => text !== "").join("\n\n")}\n`;
}
