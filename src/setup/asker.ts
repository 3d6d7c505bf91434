/** How the set-up asks and tells: a person at a terminal answers, or nobody does and what is proposed is taken. */

import { EtlError } from "../errors.ts";
import type { PromptChoice, TextPrompt } from "../terminal/prompts.ts";

export interface Choice<Value> extends PromptChoice {
  readonly value: Value;
}

export interface ChoiceQuestion<Value> {
  readonly message: string;
  readonly choices: readonly Choice<Value>[];
  /** Where the cursor is at first. */
  readonly proposed?: Value | undefined;
}

export interface SeveralQuestion<Value> extends Omit<ChoiceQuestion<Value>, "proposed"> {
  readonly proposed: readonly Value[];
}

/** What a question rejects with if the person wants the one before it again. */
export const goBack = new Error("one question back");

/**
 * Asks and tells. Every question rejects with {@link goBack} if the person goes back, and with the reason of the set-up's
 * abort signal if the person backs out of it all.
 */
export interface Asker {
  /** Whether somebody can answer again if an answer turns out to be wrong. */
  readonly isPerson: boolean;
  text(question: TextPrompt): Promise<string>;
  /** The answer is never shown. */
  secret(message: string): Promise<string>;
  choose<Value>(question: ChoiceQuestion<Value>): Promise<Value>;
  several<Value>(question: SeveralQuestion<Value>): Promise<readonly Value[]>;
  confirm(message: string, proposed: boolean): Promise<boolean>;
  /** Tells what was found, one line each. */
  tell(...lines: readonly string[]): Promise<void>;
  warn(text: string): Promise<void>;
  show(
    title: string,
    headers: readonly string[],
    rows: readonly (readonly (string | null)[])[],
    rightAligned?: readonly number[],
  ): Promise<void>;
}

/**
 * The asker for `--yes`: takes what is proposed. A question without a proposal is an `EtlError` of kind usage; `setUp`
 * makes sure before it starts that flags and settings answer those.
 */
export function unasked(telling: Pick<Asker, "tell" | "warn" | "show">): Asker {
  return {
    ...telling,
    isPerson: false,
    text: async ({ message, initial }) => initial ?? unanswered(message),
    secret: async (message) => unanswered(message),
    choose: async ({ message, choices, proposed }) =>
      (choices.find(({ value }) => value === proposed) ?? unanswered(message)).value,
    several: async ({ proposed }) => proposed,
    confirm: async (_, proposed) => proposed,
  };
}

function unanswered(question: string): never {
  throw setupError(`nobody is here to answer "${question}"`, "run etl init in a terminal", "usage");
}

/** An error that another answer, or a person at a terminal, mends. */
export function setupError(message: string, hint: string, kind: "config" | "usage" = "config"): EtlError {
  return new EtlError({ kind, operation: "init", message, hint });
}

/** Warns of an error and of what to do about it. */
export function warnOf(asker: Asker, { message, hint }: EtlError): Promise<void> {
  return asker.warn(hint === undefined ? message : `${message}; try: ${hint}`);
}

/**
 * Tries until it works: a person is told each error and asked again.
 *
 * @param given tried first, and not again
 * @throws EtlError what the attempt throws, if nobody can answer again
 */
export async function untilRight<Given, Result>(
  asker: Asker,
  given: Given | undefined,
  attempt: (given: Given | undefined) => Promise<Result>,
): Promise<Result> {
  let first = given;
  for (;;) {
    try {
      return await attempt(first);
    } catch (error) {
      if (!(error instanceof EtlError) || !asker.isPerson) throw error;
      await warnOf(asker, error);
      first = undefined;
    }
  }
}
