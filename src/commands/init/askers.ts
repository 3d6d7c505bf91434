/** The two who can answer a set-up: a person at a terminal, or flags and proposals alone. */

import { type Asker, goBack, unasked } from "../../setup/asker.ts";
import type { Log } from "../../terminal/log.ts";
import type { Output } from "../../terminal/output.ts";
import {
  backedOut,
  createPrompts,
  type Keyboard,
  type NoAnswer,
  type Prompts,
  steppedBack,
} from "../../terminal/prompts.ts";
import { formatTable } from "../../terminal/table.ts";
import type { Context } from "../context.ts";

/** Who answers, and where what happens meanwhile is logged. */
export interface Answering {
  readonly asker: Asker;
  readonly log: Log;
  /** Says the last words to a person, once; resolves when everything is written. */
  end(text: string): Promise<void>;
}

/** A person answers. Backing out of a question aborts. */
export function personAnswering(keyboard: Keyboard, output: Output, backingOut: AbortController): Answering {
  const prompts = createPrompts({ keyboard, output, signal: backingOut.signal });
  prompts.begin("etl init (Esc: one question back, Ctrl-C: cancel)");
  let ended = false;
  return {
    asker: personAsker(prompts, backingOut),
    // A log line between two questions would break the line that connects them.
    log: {
      info: (text) => prompts.tell("found", [text]),
      warn: (text) => prompts.tell("warning", [text]),
      configure: () => {},
      status: () => {},
      isBehind: () => false,
      flush: () => prompts.flush(),
    },
    async end(text) {
      if (!ended) prompts.end(text);
      ended = true;
      await prompts.flush();
    },
  };
}

function personAsker(prompts: Prompts, backingOut: AbortController): Asker {
  async function answered<T>(answer: Promise<T | NoAnswer>): Promise<T> {
    const given = await answer;
    if (given === backedOut) backingOut.abort();
    backingOut.signal.throwIfAborted();
    if (given === steppedBack) throw goBack;
    return given as T;
  }
  return {
    isPerson: true,
    text: (question) => answered(prompts.text(question)),
    secret: (message) => answered(prompts.secret(message)),
    async choose({ message, choices, proposed }) {
      const initial = choices.findIndex(({ value }) => value === proposed);
      const index = await answered(prompts.choose(message, choices, initial < 0 ? undefined : initial));
      const chosen = choices[index];
      if (chosen === undefined) throw new Error("a line was chosen that is not there");
      return chosen.value;
    },
    async several({ message, choices, proposed }) {
      const initial = choices.flatMap(({ value }, index) => (proposed.includes(value) ? [index] : []));
      const indexes = await answered(prompts.several(message, choices, initial));
      return choices.flatMap(({ value }, index) => (indexes.includes(index) ? [value] : []));
    },
    confirm: (message, proposed) => answered(prompts.confirm(message, proposed)),
    tell: async (...lines) => prompts.tell("found", lines),
    warn: async (text) => prompts.tell("warning", [text]),
    async show(title, headers, rows, rightAligned) {
      const table = formatTable(headers, rows, { columns: prompts.columns, rightAligned });
      prompts.show(title, table.split("\n"));
    },
  };
}

/**
 * Flags answer; everything else is as proposed. The log tells what is found.
 *
 * @param showsTables whether tables may go to standard output
 */
export function flagsAnswering({ log, stdout }: Context, showsTables: boolean): Answering {
  const asker = unasked({
    async tell(...lines) {
      for (const line of lines) log.info(line);
    },
    warn: async (text) => log.warn(text),
    async show(title, headers, rows, rightAligned) {
      if (!showsTables) return;
      const columns = stdout.isTerminal ? stdout.columns : undefined;
      await stdout.write(`${title}:\n\n${formatTable(headers, rows, { columns, rightAligned })}\n\n`);
    },
  });
  return { asker, log, end: () => log.flush() };
}
