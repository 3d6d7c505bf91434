/** Asks a person at a terminal, one question at a time; what to ask, and what an answer means, is decided elsewhere. */

import { type Readable, Writable } from "node:stream";
import * as clack from "@clack/prompts";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";
import { displayWidth, shorten, wrap } from "./width.ts";

/** A terminal's keyboard: standard input. */
export interface Keyboard extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/** What a question is answered with where the person backs out: Ctrl-C, Ctrl-D, Esc, or the signal. */
export const backedOut = Symbol("backed out");

/** {@link backedOut} */
export type BackedOut = typeof backedOut;

/** A question for a line of text. */
export interface TextPrompt {
  readonly message: string;
  /** Stands there already, to be kept or changed. */
  readonly initial?: string | undefined;
  /** Shown where nothing is typed yet. */
  readonly example?: string | undefined;
  /** What is wrong with the text; undefined where nothing is. */
  readonly fault: (text: string) => string | undefined;
}

/** One line of a list. */
export interface PromptChoice {
  readonly label: string;
  readonly hint?: string | undefined;
}

/** What goes before a line that only tells. */
export type Mark = "found" | "warning" | "error";

type Answer = string | number | boolean | readonly number[];

/** The questions that can be asked, and what can be told between them. */
export interface Prompts {
  text(prompt: TextPrompt): Promise<string | BackedOut>;
  /** The answer is not shown, only how long it is. */
  secret(message: string): Promise<string | BackedOut>;
  /** @returns the index of the chosen line */
  choose(
    message: string,
    choices: readonly PromptChoice[],
    initial: number | undefined,
  ): Promise<number | BackedOut>;
  /** @returns the indexes of the chosen lines, as many as the person likes */
  several(
    message: string,
    choices: readonly PromptChoice[],
    initial: readonly number[],
  ): Promise<readonly number[] | BackedOut>;
  confirm(message: string, initial: boolean): Promise<boolean | BackedOut>;
  begin(title: string): void;
  tell(mark: Mark, lines: readonly string[]): void;
  /** Shows lines as they are, which must be printable and no wider than {@link Prompts.columns}. */
  show(title: string, lines: readonly string[]): void;
  end(text: string): void;
  /** How wide a line of {@link Prompts.show} may be. */
  readonly columns: number;
  /**
   * Resolves when everything so far has been handed to the operating system.
   *
   * @throws EtlError `unavailable` where something was lost
   */
  flush(): Promise<void>;
}

/** What questions are asked with. */
export interface PromptParts {
  readonly keyboard: Keyboard;
  /** A terminal: standard error. */
  readonly output: Output;
  /** Backs out of the open question, and of every later one. */
  readonly signal: AbortSignal;
}

/** What a bar or a symbol and the spaces behind it take of a line. */
const guideColumns = 3;

/**
 * What the library takes of a list's line: it counts the escapes of the bar's colour among what the bar takes, and adds a
 * symbol of its own.
 */
const choiceColumns = guideColumns + "\u001b[36m\u001b[39m".length + "● ".length;

/** Makes the questions of one run. */
export function createPrompts({ keyboard, output, signal }: PromptParts): Prompts {
  // Else readline takes Ctrl-D for the end of its input, and a question that nobody can answer stays open.
  clack.updateSettings({ aliases: { "\u0004": "cancel" } });
  const terminal = new TerminalStream(output);
  const common = { input: keyboard, output: terminal };
  const width = () => output.columns - guideColumns - 1;
  const line = (text: string) => shorten(printable(text), width());

  /** A signal of each question's own: the library never takes its listener off, and draws once for each at an abort. */
  async function ask<T extends Answer>(
    open: (own: AbortSignal) => Promise<T | typeof clack.CANCEL_SYMBOL>,
  ): Promise<T | BackedOut> {
    if (signal.aborted) return backedOut;
    const own = new AbortController();
    const abort = () => own.abort();
    signal.addEventListener("abort", abort, { once: true });
    try {
      const answer = await open(own.signal);
      return clack.isCancel(answer) ? backedOut : answer;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  function options(choices: readonly PromptChoice[]) {
    return choices.map((choice, value) => ({ value, ...fitted(choice, output.columns - choiceColumns) }));
  }

  return {
    text: ({ message, initial, example, fault }) =>
      ask((own) =>
        clack.text({
          ...common,
          signal: own,
          message: line(message),
          ...(initial === undefined ? {} : { initialValue: initial }),
          ...(example === undefined ? {} : { placeholder: line(example) }),
          validate: (text = "") => {
            const found = fault(text);
            return found === undefined ? undefined : line(found);
          },
        }),
      ),
    secret: (message) => ask((own) => clack.password({ ...common, signal: own, message: line(message) })),
    choose: (message, choices, initial) =>
      ask((own) =>
        clack.select<number>({
          ...common,
          signal: own,
          message: line(message),
          options: options(choices),
          ...(initial === undefined ? {} : { initialValue: initial }),
        }),
      ),
    several: (message, choices, initial) =>
      ask((own) =>
        clack.multiselect<number>({
          ...common,
          signal: own,
          message: line(message),
          options: options(choices),
          initialValues: [...initial],
          required: false,
        }),
      ),
    confirm: (message, initial) =>
      ask((own) => clack.confirm({ ...common, signal: own, message: line(message), initialValue: initial })),
    begin: (title) => clack.intro(line(title), common),
    tell(mark, lines) {
      const wrapped = lines.flatMap((text) => wrap(printable(text), width()).split("\n"));
      const { info, warn, error } = clack.log;
      ({ found: info, warning: warn, error })[mark](wrapped.join("\n"), common);
    },
    show: (title, lines) => clack.log.step([line(title), ...lines].join("\n"), common),
    end: (text) => clack.outro(line(text), common),
    get columns() {
      return width();
    },
    flush: () => terminal.flush(),
  };
}

/** A label whole if that is possible, and what is left of the line for the hint, which stands in brackets. */
function fitted({ label, hint }: PromptChoice, columns: number): { label: string; hint?: string } {
  const short = shorten(printable(label), columns);
  const left = columns - displayWidth(short) - " ()".length;
  const leastUseful = 8;
  if (hint === undefined || left < Math.min(leastUseful, displayWidth(hint))) return { label: short };
  return { label: short, hint: shorten(printable(hint), left) };
}

const colours = new RegExp(`${"\u001b"}\\[[0-9;]*m`, "g");

/** An {@link Output} as the library wants it: a stream that knows how large its terminal is. */
class TerminalStream extends Writable {
  readonly isTTY = true;
  readonly #output: Output;
  #failure: unknown;

  constructor(output: Output) {
    super({ decodeStrings: false });
    this.#output = output;
  }

  get columns(): number {
    return this.#output.columns;
  }

  get rows(): number {
    return this.#output.rows;
  }

  /** The output keeps the order, and nobody waits for a line of a question: only a lost one counts. */
  override _write(chunk: string | Uint8Array, _encoding: string, done: () => void): void {
    const text = String(chunk);
    this.#output.write(this.#output.colours ? text : text.replaceAll(colours, "")).catch((error) => {
      this.#failure ??= error;
    });
    done();
  }

  async flush(): Promise<void> {
    await this.#output.write("");
    if (this.#failure !== undefined) throw this.#failure;
  }
}
