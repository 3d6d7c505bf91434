/** What a command is, for the parser, the help, and whatever else is made from the table of commands. */

import type { Context } from "../commands/context.ts";
import type { Flags, FlagValues, Values } from "./flag.ts";

/** The one argument of a command. */
interface Argument {
  /** Stands for it in the help, such as `FILE`. */
  readonly name: string;
  readonly description: string;
  /** What there is to choose from; absent where any text will do. */
  readonly values?: Values;
  /** Whether the command cannot do without it. */
  readonly required?: true;
}

/** What a person reads about a command, and what it can be told. */
interface CommandFacts<F extends Flags> {
  /** One word, or two such as `keys generate`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly argument?: Argument;
  readonly flags: F;
  /** Lines that work as they stand, typed into a shell. */
  readonly examples: readonly string[];
}

/** A command as it is written down, with the types of its own flags. */
interface CommandDefinition<F extends Flags> extends CommandFacts<F> {
  readonly run: (context: Context, values: FlagValues<F>, argument: string | undefined) => Promise<number>;
}

/** A command as everything else sees it. */
export interface Command extends CommandFacts<Flags> {
  /**
   * Runs it.
   *
   * @param values what the command's own flags read, by their keys in `flags`
   * @returns the exit code
   */
  readonly run: (
    context: Context,
    values: Readonly<Record<string, unknown>>,
    argument: string | undefined,
  ) => Promise<number>;
}

/** Commands that belong together, as the help shows them. */
export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** Writes a command down: the flags give the types of what `run` gets. */
export function defineCommand<F extends Flags>(definition: CommandDefinition<F>): Command {
  return {
    ...definition,
    // The parser reads each value with the very flag that gave its type.
    run: (context, values, argument) => definition.run(context, values as FlagValues<F>, argument),
  };
}
