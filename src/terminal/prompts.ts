/** Asks a person at a terminal, one question at a time; what to ask, and what an answer means, is decided elsewhere. */

import { type Readable, Writable } from "node:stream";
import * as clack from "@clack/prompts";
import type { Output } from "./output.ts";
import { displayWidth, printable, shorten, wrap } from "./text.ts";

/** A terminal's keyboard: standard input. */
export interface Keyboard extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/** What a question is answered with if the person backs out of it all: Ctrl-C, Ctrl-D, or the signal. */
export const backedOut = Symbol("backed out");

/** What a question is answered with if the person wants the one before it again: Esc. */
export const steppedBack = Symbol("stepped back");

/** {@link backedOut} or {@link steppedBack} */
export type NoAnswer = typeof backedOut | typeof steppedBack;

/** A question for a line of text. */
export interface TextPrompt {
  readonly message: string;
  /** Stands there already, to be kept or changed. */
  readonly initial?: string | undefined;
  /** Shown while nothing is typed. */
  readonly example?: string | undefined;
  /** What is wrong with the text; undefined if nothing is. */
  readonly fault: (text: string) => string | undefined;
}

/** One line of a list. */
export interface PromptChoice {
  readonly label: string;
  readonly hint?: string | undefined;
}

/** The questions that can be asked, and what can be told between them. */
export type Prompts = ReturnType<typeof createPrompts>;

/** What a bar or a symbol and the spaces behind it take of a line. */
const guideColumns = 3;

/**
 * What the library takes of a list's line: it counts the escapes of the bar's colour among what the bar takes, and adds a
 * symbol of its own.
 */
const choiceColumns = guideColumns + "\u001b[36m\u001b[39m".length + "● ".length;

/**
 * Makes the questions of one run.
 *
 * @param parts `output` is a terminal: standard error; `signal` backs out of the open question, and of every later one
 */
export function createPrompts(parts: { keyboard: Keyboard; output: Output; signal: AbortSignal }) {
  const { keyboard, output, signal } = parts;
  // Else readline takes Ctrl-D for the end of its input, and a question that nobody can answer stays open.
  clack.updateSettings({ aliases: { "\u0004": "cancel" } });
  const terminal = new TerminalStream(output);
  const common = { input: keyboard, output: terminal };
  const width = () => output.columns - guideColumns - 1;
  const line = (text: string) => shorten(printable(text), width());
  const options = (choices: readonly PromptChoice[]) =>
    choices.map((choice, value) => ({ value, ...fitted(choice, output.columns - choiceColumns) }));

  async function ask<T extends string | number | boolean | readonly number[]>(
    message: string,
    open: (
      question: typeof common & { message: string; signal: AbortSignal },
    ) => Promise<T | typeof clack.CANCEL_SYMBOL>,
  ): Promise<T | NoAnswer> {
    if (signal.aborted) return backedOut;
    // The library has one answer for every key that cancels.
    let isEscape = false;
    const noteKey = (_: unknown, key: { name?: string } | undefined) => {
      isEscape = key?.name === "escape";
    };
    // A signal of its own: the library never takes its listener off, and draws once for each at an abort.
    const own = new AbortController();
    const abort = () => own.abort();
    signal.addEventListener("abort", abort, { once: true });
    keyboard.on("keypress", noteKey);
    try {
      const answer = await open({ ...common, message: line(message), signal: own.signal });
      if (!clack.isCancel(answer)) return answer;
      return isEscape && !signal.aborted ? steppedBack : backedOut;
    } finally {
      keyboard.off("keypress", noteKey);
      signal.removeEventListener("abort", abort);
    }
  }

  return {
    /** Asks for a line of text. */
    text: ({ message, initial, example, fault }: TextPrompt) =>
      ask(message, (question) =>
        clack.text({
          ...question,
          ...(initial === undefined ? {} : { initialValue: initial }),
          ...(example === undefined ? {} : { placeholder: line(example) }),
          validate: (text = "") => {
            const found = fault(text);
            return found === undefined ? undefined : line(found);
          },
        }),
      ),
    /** The answer is not shown, only how long it is. */
    secret: (message: string) => ask(message, clack.password),
    /** @returns the index of the chosen line */
    choose: (message: string, choices: readonly PromptChoice[], initial: number | undefined) =>
      ask(message, (question) =>
        clack.select<number>({
          ...question,
          options: options(choices),
          ...(initial === undefined ? {} : { initialValue: initial }),
        }),
      ),
    /** @returns the indexes of the chosen lines, as many as the person likes */
    several: (message: string, choices: readonly PromptChoice[], initial: readonly number[]) =>
      ask<readonly number[]>(message, (question) =>
        clack.multiselect<number>({
          ...question,
          options: options(choices),
          initialValues: [...initial],
          required: false,
        }),
      ),
    confirm: (message: string, initial: boolean) =>
      ask(message, (question) => clack.confirm({ ...question, initialValue: initial })),
    begin: (title: string) => clack.intro(line(title), common),
    /** Tells something, behind a mark. */
    tell(mark: "found" | "warning", lines: readonly string[]) {
      const wrapped = lines.map((text) => wrap(printable(text), width())).join("\n");
      (mark === "found" ? clack.log.info : clack.log.warn)(wrapped, common);
    },
    /** Shows lines as they are, which must be printable and no wider than `columns`. */
    show: (title: string, lines: readonly string[]) =>
      clack.log.step([line(title), ...lines].join("\n"), common),
    end: (text: string) => clack.outro(line(text), common),
    /** How wide a line of `show` may be. */
    get columns() {
      return width();
    },
    /**
     * Resolves when everything so far has been handed to the operating system.
     *
     * @throws EtlError `unavailable` if something was lost
     */
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
