/** What a command and its flags are, for the parser, the help, the completions, and whatever else is made from the table of commands. */

import type { Context } from "../commands/context.ts";
import type { SettingFlags } from "../settings/options.ts";
import { aboutWithDefault, flagKey, type Kind, type Values } from "../settings/setting.ts";
import { settingKeys, settingOf } from "../settings/setting-table.ts";

/** A flag without a value: given or not. */
export interface SwitchFlag {
  readonly name: `--${string}`;
  readonly description: string;
}

/** A flag with a value. */
export interface ValueFlag<Value = unknown> extends SwitchFlag {
  readonly kind: Kind<Value>;
  /** Stands for the value in the help. */
  readonly valueName: string;
}

/** Any flag. */
export type Flag = SwitchFlag | ValueFlag;

/** The flags of a command, by the name that its options have them under. */
type Flags = Readonly<Record<string, Flag>>;

/** What a command gets: every switch as a boolean, every value if it was typed. */
type FlagValues<F extends Flags> = {
  readonly [Key in keyof F]: F[Key] extends ValueFlag<infer Value> ? Value | undefined : boolean;
};

/** A flag that is given or not. */
export function switchFlag(name: `--${string}`, description: string): SwitchFlag {
  return { name, description };
}

/** A flag with a value of this kind. */
export function valueFlag<Value>(
  name: `--${string}`,
  kind: Kind<Value>,
  description: string,
  valueName = kind.valueName,
): ValueFlag<Value> {
  return { name, kind, valueName, description };
}

/** Whether the flag takes a value. */
export function takesValue(flag: Flag): flag is ValueFlag {
  return "kind" in flag;
}

type SettingFlagSet = {
  readonly [Key in Exclude<keyof SettingFlags, "config">]-?: NonNullable<SettingFlags[Key]> extends boolean
    ? SwitchFlag
    : ValueFlag<NonNullable<SettingFlags[Key]>>;
};

/** The flags of the table of settings, in its order. */
export const settingFlags = Object.fromEntries(
  settingKeys.flatMap((key) => {
    const setting = settingOf(key);
    const { flag, flagSets, kind, valueName, about, help = aboutWithDefault(setting) } = setting;
    if (flag === undefined) return [];
    const takes = "valueName" in kind && flagSets === undefined;
    // A switch is off by default, which need not be said.
    const made = takes ? valueFlag(flag, kind, help, valueName) : switchFlag(flag, setting.help ?? about);
    return [[flagKey(flag), made]];
  }),
  // The kind of a setting gives the type of its flag, here and in the table.
) as SettingFlagSet;

/** The one argument of a command. */
interface Argument {
  /** Stands for it in the help, such as `FILE`. */
  readonly name: string;
  readonly description: string;
  /** What there is to choose from; absent if any text will do. */
  readonly values?: Values;
  /** Whether the command cannot do without it. */
  readonly required?: true;
}

/** A command, with the types of its own flags. */
export interface Command<F extends Flags = Flags, Given = Readonly<Record<string, unknown>>> {
  /** One word, or two such as `keys generate`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly argument?: Argument;
  readonly flags: F;
  /** Lines that work as they stand, typed into a shell. */
  readonly examples: readonly string[];
  /**
   * Runs it.
   *
   * @param values what the command's own flags read, by their keys in `flags`
   * @returns the exit code
   */
  readonly run: (context: Context, values: Given, argument: string | undefined) => Promise<number>;
}

/** Commands that belong together, as the help shows them. */
export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** Writes a command down: the flags give the types of what `run` gets. */
export function defineCommand<F extends Flags>(definition: Command<F, FlagValues<F>>): Command {
  return {
    ...definition,
    // The parser reads each value with the very flag that gave its type.
    run: (context, values, argument) => definition.run(context, values as FlagValues<F>, argument),
  };
}
