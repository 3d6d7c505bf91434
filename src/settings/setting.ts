/** What a setting is: the kinds of values, and the facts that flags, variables, `etl.toml` and the documentation are derived from. */

import * as v from "valibot";
import type { Environment } from "../commands/context.ts";
import { isSecretReference } from "./secret.ts";

/** A kind of value that only `etl.toml` can hold, or that a flag sets by being there. Its messages say what was expected. */
export interface FileKind<Value = unknown> {
  readonly schema: v.GenericSchema<unknown, Value>;
}

/** What a value is chosen from: some words, or the names of files. Absent for free text. */
export type Values = readonly string[] | "files";

/** A kind of value that can be typed, too: as a flag or a variable. */
export interface Kind<Value = unknown> extends FileKind<Value> {
  /** What a value must be, in words; absent if any text will do. */
  readonly expected?: string;
  readonly values?: Values;
  /** Stands for the value in the help. */
  readonly valueName: string;
  /** The value of the text as it was typed; undefined if it is not what is expected. */
  readonly read: (typed: string) => Value | undefined;
}

/** A text that is not empty. */
export const text: Kind<string> = {
  schema: v.pipe(v.string("a string"), v.nonEmpty("a string that is not empty")),
  valueName: "NAME",
  read: (typed) => typed || undefined,
};

/** The path of a file. */
export const file: Kind<string> = { ...text, values: "files", valueName: "FILE" };

/** True or false. A flag sets it by being there. */
export const truth: FileKind<boolean> & Pick<Kind<boolean>, "expected" | "read"> = {
  schema: v.boolean("true or false"),
  expected: "true or false",
  read: (typed) => ({ true: true, false: false })[typed],
};

/** A secret that the file names and does not hold. */
export const secretName: FileKind<string> = {
  schema: v.pipe(
    v.string('"env:NAME" or "file:PATH"'),
    v.check(isSecretReference, '"env:NAME" or "file:PATH": the secret itself does not belong into this file'),
  ),
};

/** A list of at least one column name. */
export const columnNames: FileKind<readonly string[]> = {
  schema: v.pipe(
    v.array(v.string("a list of column names"), "a list of column names"),
    v.minLength(1, "a list of at least one column name"),
  ),
};

/** A whole number, both ends included. Typed: digits alone, so that `1e3`, `0x10` and `010` are not guessed at. */
export function whole(least: number, most: number): Kind<number> {
  const expected = `a whole number from ${least} to ${most}`;
  return {
    schema: v.pipe(
      v.number(expected),
      v.integer(expected),
      v.minValue(least, expected),
      v.maxValue(most, expected),
    ),
    expected,
    valueName: "N",
    read: (typed) => {
      const value = /^(0|[1-9][0-9]{0,14})$/.test(typed) ? Number(typed) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

/** One of some words. */
export function word<const Word extends string>(values: readonly Word[]): Kind<Word> {
  const expected = `one of ${values.join(", ")}`;
  const read = (typed: string) => values.find((value) => value === typed);
  return { schema: v.picklist(values, expected), expected, values, valueName: "NAME", read };
}

/** What there is to say of a setting beside the kind of its value. */
interface Facts<Value> {
  /** Comes before everything else. */
  readonly flag?: `--${string}`;
  /** What the flag sets by being there, in place of taking a value. */
  readonly flagSets?: Value;
  /** Stands for the flag's value in the help. @defaultValue as the kind says */
  readonly valueName?: string;
  /** The flag's line in the help. @defaultValue {@link aboutWithDefault} */
  readonly help?: string;
  /** Come after the flag, the first one that is set before the others. */
  readonly variables?: readonly string[];
  /** Whether the variables are not to be asked. */
  readonly ignoresVariables?: (env: Environment) => boolean;
  /** Set if the file comes before the variables. */
  readonly fileFirst?: true;
  readonly default?: Value;
  /** What applies if nothing is set and no single value can be named. */
  readonly otherwise?: string;
  /** One line about it, without a full stop. */
  readonly about: string;
  /** What stands in a new file as a comment, as TOML. @defaultValue the default */
  readonly example?: string;
  /** Whether the value is a secret, unless it is a reference to one. */
  readonly secret?: true;
}

/** A setting, as everything that goes through all of them sees it. */
export interface Setting<Value = unknown> extends Facts<Value> {
  readonly kind: FileKind<Value> | Kind<Value>;
}

/** Declares a setting. */
export function setting<Value, const F extends Facts<NoInfer<Value>>>(
  kind: FileKind<Value> | Kind<Value>,
  facts: F,
): F & { readonly kind: FileKind<Value> } {
  return { ...facts, kind };
}

/** The line about a setting, and what applies if nothing is set. */
export function aboutWithDefault({ about, default: value, otherwise }: Setting): string {
  const applies = otherwise ?? value;
  return applies === undefined ? about : `${about} (default: ${String(applies)})`;
}

/** `batchSize` of `batch_size`. */
export type Camel<
  Name extends string,
  Separator extends string,
> = Name extends `${infer First}${Separator}${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest, Separator>>}`
  : Name;

/** `batchSize` of `batch_size` and of `batch-size`. */
export function camel(name: string): string {
  return name.replaceAll(/[-_]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The name that a flag's value is kept under: `queueUrl` of `--queue-url`. */
export function flagKey(flag: string): string {
  return camel(flag.slice(2));
}

/** A short plain word such as `lots` or `1e3`; keys, URLs and most passwords are not of this shape. */
const plainWord = /^[A-Za-z0-9_.+-]{1,20}$/;

/** What an error may repeat of a person's own input, as a password may sit in the wrong place: a short plain word alone. */
export function shownWord(typed: string): string {
  if (typed === "") return "nothing";
  return plainWord.test(typed) ? `"${typed}"` : "something else";
}
