/** What a flag is: its name, its words for the help, and how its text becomes a value. */

import { type Limit, limitInWords } from "../settings/limits.ts";

/** A flag without a value: given or not. */
export interface SwitchFlag {
  readonly name: `--${string}`;
  readonly description: string;
}

/** What a value is chosen from: some words, or the names of files. Absent, it is free text, of which nothing can be known. */
export type Values = readonly string[] | "files";

/** A flag with a value. */
export interface ValueFlag<Value> extends SwitchFlag {
  /** Stands for the value in the help, such as `URL`. */
  readonly valueName: string;
  /** What there is to choose from, for the shell's completion. */
  readonly values?: Values;
  /** What a value must be, in words. */
  readonly expected: string;
  /** The value of the text as it was typed; undefined where it is not what is expected. */
  readonly read: (text: string) => Value | undefined;
}

/** Any flag. */
export type Flag = SwitchFlag | ValueFlag<unknown>;

/** The flags of a command, by the name that its options have them under. */
export type Flags = Readonly<Record<string, Flag>>;

/** What a command gets: every switch as a boolean, every value where it was typed. */
export type FlagValues<F extends Flags> = {
  readonly [Key in keyof F]: F[Key] extends ValueFlag<infer Value> ? Value | undefined : boolean;
};

/** A flag that is given or not. */
export function switchFlag(name: `--${string}`, description: string): SwitchFlag {
  return { name, description };
}

/** A flag whose text is taken as it was typed. */
export function textFlag(name: `--${string}`, valueName: string, description: string): ValueFlag<string> {
  const read = (text: string) => (text === "" ? undefined : text);
  return { name, valueName, description, expected: `a value: ${name} ${valueName}`, read };
}

/** A flag for the path of a file. */
export function fileFlag(name: `--${string}`, description: string): ValueFlag<string> {
  return { ...textFlag(name, "FILE", description), values: "files" };
}

/** A flag for a whole decimal number: digits alone, so that `1e3`, `0x10` and `010` are not guessed at. */
export function numberFlag(name: `--${string}`, limit: Limit, description: string): ValueFlag<number> {
  const read = (text: string) => {
    const value = /^(0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : Number.NaN;
    return value >= limit.least && value <= limit.most ? value : undefined;
  };
  return { name, valueName: "N", description, expected: limitInWords(limit), read };
}

/** A flag for one of some words. */
export function choiceFlag<const Choice extends string>(
  name: `--${string}`,
  choices: readonly Choice[],
  description: string,
): ValueFlag<Choice> {
  const read = (text: string) => choices.find((word) => word === text);
  return {
    name,
    valueName: "NAME",
    description,
    values: choices,
    expected: `one of ${choices.join(", ")}`,
    read,
  };
}

/** Whether the flag takes a value. */
export function takesValue(flag: Flag): flag is ValueFlag<unknown> {
  return "read" in flag;
}
