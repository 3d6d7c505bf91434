/** The help texts, made from the table of commands. */

import type { Command } from "./command.ts";
import { takesValue } from "./flag.ts";

const helpLine = ["-h, --help", "Show this help"] as const;
const versionLine = ["-v, --version", "Show the version"] as const;

/** What `etl --help` shows, or `etl keys --help` for the commands that begin with `keys`. */
export function overview(commands: readonly Command[], group?: string): string {
  const shown = commands.filter(({ name }) => group === undefined || name.startsWith(`${group} `));
  const options = group === undefined ? [helpLine, versionLine] : [helpLine];
  return sections([
    `Usage: etl ${group === undefined ? "" : `${group} `}COMMAND [options]`,
    titled(
      "Commands",
      shown.map((command) => [invocation(command), command.summary]),
    ),
    titled("Options", options),
    "More on one command: etl COMMAND --help",
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

function invocation({ name, argument }: Command): string {
  return argument === undefined ? name : `${name} [${argument.name}]`;
}

function titled(title: string, lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([term]) => term.length));
  return `${title}:\n${lines.map(([term, text]) => `  ${term.padEnd(width)}  ${text}`).join("\n")}`;
}

function sections(texts: readonly string[]): string {
  return `${texts.filter((text) => text !== "").join("\n\n")}\n`;
}
