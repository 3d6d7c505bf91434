/** A program in a pseudo-terminal: what a person types, and what a person sees. */

import { Screen } from "./screen.ts";

/** The keys that have no letter, as a terminal sends them. */
export const keys = {
  enter: "\r",
  escape: "\u001b",
  space: " ",
  up: "\u001b[A",
  down: "\u001b[B",
  ctrlC: "\u0003",
  ctrlD: "\u0004",
  /** Erases what stands before the cursor. */
  ctrlU: "\u0015",
} as const;

/** How the program is run. */
export interface PseudoTerminalOptions {
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** @defaultValue 100 */
  readonly columns?: number;
  /** After this time the program is killed. @defaultValue 20,000 */
  readonly timeoutMillis?: number;
  /** The control sequences that may come. @defaultValue all that {@link Screen} knows */
  readonly controls?: RegExp;
}

/** A program in a pseudo-terminal. */
export interface PseudoTerminal extends AsyncDisposable {
  readonly screen: Screen;
  /** All that was written, escapes included. */
  readonly output: string;
  readonly pid: number;
  /** Types; nothing waits for what it does. */
  type(text: string): void;
  /**
   * Resolves as soon as a question is open that matches, with all that stands below it.
   *
   * @throws where the program ends before that
   */
  question(pattern: RegExp): Promise<void>;
  /**
   * Resolves as soon as what was written matches.
   *
   * @throws where the program ends before that
   */
  until(pattern: RegExp): Promise<void>;
  /** Waits for the question and answers it. */
  answer(pattern: RegExp, ...typed: readonly string[]): Promise<void>;
  /** The exit code, once all that was written is on the screen. */
  readonly ended: Promise<number | null>;
}

/** Starts the program in a terminal of 40 rows. */
export function openPseudoTerminal(
  command: readonly string[],
  { env, cwd, columns = 100, timeoutMillis = 20_000, controls }: PseudoTerminalOptions,
): PseudoTerminal {
  const screen = new Screen(columns, controls);
  const decoder = new TextDecoder();
  const closed = Promise.withResolvers<void>();
  let output = "";
  let changed = Promise.withResolvers<void>();
  let isOver = false;
  const child = Bun.spawn([...command], {
    cwd,
    env: { PATH: "/usr/bin:/bin", HOME: cwd, TERM: "xterm-256color", ...env },
    terminal: {
      cols: columns,
      rows: 40,
      data(_, bytes) {
        const text = decoder.decode(bytes, { stream: true });
        output += text;
        screen.write(text);
        changed.resolve();
        changed = Promise.withResolvers();
      },
      exit: () => closed.resolve(),
    },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMillis);
  const ended = (async () => {
    await child.exited;
    // What was written last may arrive after the process has ended.
    await closed.promise;
    clearTimeout(timer);
    isOver = true;
    changed.resolve();
    return child.exitCode;
  })();

  /** What stands from the last mark of an open question on; nothing if none is open. */
  function openQuestion(): string {
    const { text } = screen;
    const mark = Math.max(text.lastIndexOf("◆"), text.lastIndexOf("▲"));
    return mark < 0 ? "" : text.slice(mark);
  }

  async function question(pattern: RegExp): Promise<void> {
    while (screen.cursorShown || !pattern.test(openQuestion())) {
      if (isOver) throw new Error(`the program ended and never asked ${pattern}\n${screen.text}`);
      await changed.promise;
    }
  }

  async function until(pattern: RegExp): Promise<void> {
    while (!pattern.test(output)) {
      if (isOver) throw new Error(`the program ended and never wrote ${pattern}\n${output}`);
      await changed.promise;
    }
  }

  return {
    screen,
    get output() {
      return output;
    },
    pid: child.pid,
    type: (text) => void child.terminal?.write(text),
    question,
    until,
    async answer(pattern, ...typed) {
      await question(pattern);
      for (const text of typed) {
        const before = output.length;
        child.terminal?.write(text);
        // Each key is answered by something that is drawn; the next one is for what it leads to.
        while (output.length === before && !isOver) await changed.promise;
      }
    },
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
