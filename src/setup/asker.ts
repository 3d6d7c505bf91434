/** How the set-up speaks with whoever answers it: a person at a terminal, or flags alone. */

/** What every question has. */
interface Question {
  readonly message: string;
  /** The flag that answers it where nobody can be asked, such as `--queue-url URL`. */
  readonly flag: string;
}

/** A question for a line of text. */
export interface TextQuestion extends Question {
  /** What is there already, to be kept or changed; the answer of a run that nobody answers. */
  readonly proposed?: string | undefined;
  /** Shown where nothing is typed yet. */
  readonly example?: string | undefined;
  /** What is wrong with the text, in words; undefined where nothing is. Must not reach for the world. */
  readonly fault: (text: string) => string | undefined;
}

/** A question for something that must not be shown. */
export type SecretQuestion = Question;

/** One of the answers to choose from. */
export interface Choice<Value> {
  readonly value: Value;
  readonly label: string;
  readonly hint?: string | undefined;
}

/** A question for one of several answers. */
export interface ChoiceQuestion<Value> extends Question {
  readonly choices: readonly Choice<Value>[];
  /** The answer of a run that nobody answers, and where the cursor stands at first. */
  readonly proposed?: Value | undefined;
  /** Whether a run that nobody answers may take the proposed one. @defaultValue true */
  readonly mayAssume?: boolean | undefined;
}

/** A question for any number of answers. */
export interface SeveralQuestion<Value> extends Question {
  readonly choices: readonly Choice<Value>[];
  readonly proposed: readonly Value[];
}

/** A question for yes or no. */
export interface ConfirmQuestion extends Question {
  readonly proposed: boolean;
}

/**
 * Asks and tells. Every question rejects, with the reason of the set-up's abort signal, where the person backs out;
 * with an `EtlError` of kind usage where nobody can be asked and nothing is proposed.
 */
export interface Asker {
  /** Whether another answer can be had where one turns out to be wrong. */
  readonly isPerson: boolean;
  text(question: TextQuestion): Promise<string>;
  secret(question: SecretQuestion): Promise<string>;
  choose<Value>(question: ChoiceQuestion<Value>): Promise<Value>;
  several<Value>(question: SeveralQuestion<Value>): Promise<readonly Value[]>;
  confirm(question: ConfirmQuestion): Promise<boolean>;
  /** Tells what was found; one line each. */
  tell(...lines: readonly string[]): Promise<void>;
  /** Tells what a person should heed. */
  warn(text: string): Promise<void>;
  /** Shows rows under headers. */
  show(
    title: string,
    headers: readonly string[],
    rows: readonly (readonly (string | null)[])[],
    rightAligned?: readonly number[],
  ): Promise<void>;
}
