/** The shells that a completion is made for. */

import type { Command } from "../command.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { commandLine } from "./line.ts";
import { zshCompletion } from "./zsh.ts";

const completions = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** The shells by name. */
export const shells = ["bash", "zsh", "fish"] as const satisfies readonly (keyof typeof completions)[];

/** A shell that a completion is made for. */
export type Shell = (typeof shells)[number];

/** The script that makes the shell complete the commands. */
export function completionOf(shell: Shell, commands: readonly Command[]): string {
  return completions[shell](commandLine(commands));
}
