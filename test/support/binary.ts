/** Runs the compiled executable as a user does: another process, an environment of its own, pipes or a terminal. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPseudoTerminal, type PseudoTerminal } from "./pseudo-terminal.ts";

/** The file that is tested; {@link runEtl} and the others run it. */
export const executable = join(import.meta.dirname, "../../dist/etl");

const defaultTimeoutMillis = 20_000;

/** How the executable is run. */
export interface RunOptions {
  /** The whole environment, but for `PATH` and an empty `HOME`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @defaultValue an empty folder */
  readonly cwd?: string;
  /** Standard input. @defaultValue none */
  readonly stdin?: string;
  /** After this time the process is killed and the run has failed. @defaultValue 20,000 */
  readonly timeoutMillis?: number;
  /** Descriptors to write to in place of a pipe that is read. */
  readonly stdout?: number;
  readonly stderr?: number;
}

/** How a process ended. */
export interface Ending {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A process that has ended, and all that it wrote. */
export interface Finished extends Ending {
  readonly stdout: string;
  readonly stderr: string;
}

/** Text that grows while a process writes it. */
export interface Written {
  readonly text: string;
  /**
   * Resolves with the text as soon as it matches.
   *
   * @throws where the process ends, or its time is up, before that
   */
  until(pattern: RegExp): Promise<string>;
}

/** A running executable. */
export interface Running {
  readonly pid: number;
  readonly stdout: Written;
  readonly stderr: Written;
  kill(signal: NodeJS.Signals): void;
  /** @throws where the time was up */
  readonly finished: Promise<Finished>;
}

/** Runs it to its end. */
export async function runEtl(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return await spawnEtl(args, options).finished;
}

/** Starts it. Whoever does must await `finished`. */
export function spawnEtl(args: readonly string[], options: RunOptions = {}): Running {
  const { home, spawning } = surroundings(options);
  const child = Bun.spawn([requireExecutable(), ...args], {
    ...spawning,
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: options.stdout ?? "pipe",
    stderr: options.stderr ?? "pipe",
  });
  const stdout = new Text("stdout");
  const stderr = new Text("stderr");
  const collected = Promise.all([stdout.collect(child.stdout), stderr.collect(child.stderr)]);
  const finished = finish({ child, home }, [stdout, stderr], collected, options, (ending) => ({
    ...ending,
    stdout: stdout.text,
    stderr: stderr.text,
  }));
  return { pid: child.pid, stdout, stderr, kill: (signal) => child.kill(signal), finished };
}

/** Starts it in a pseudo-terminal, in which only log lines and a progress line may be drawn. */
export function spawnEtlInTerminal(
  args: readonly string[],
  { env = {}, cwd = tmpdir(), columns = 100 }: Omit<RunOptions, "stdin"> & { readonly columns?: number } = {},
): PseudoTerminal {
  const home = { HOME: "/nonexistent", ...env };
  return openPseudoTerminal([requireExecutable(), ...args], {
    env: home,
    cwd,
    columns,
    controls: /^(K|[0-9]+m)$/,
  });
}

/** What a program in a terminal wrote, and how it ended. */
export async function endOf(terminal: PseudoTerminal) {
  const exitCode = await terminal.ended;
  return { exitCode, output: terminal.output, lines: terminal.screen.lines };
}

function requireExecutable(): string {
  if (!existsSync(executable)) throw new Error("dist/etl is missing: run ./scripts/build");
  return executable;
}

/** Home and working folder of one run: empty, so that no file of the machine has a say. */
function surroundings({ env = {}, cwd }: RunOptions) {
  const home = mkdtempSync(join(tmpdir(), "etl-test-home-"));
  return {
    home,
    spawning: {
      cwd: cwd ?? home,
      env: { PATH: "/usr/bin:/bin", HOME: home, TERM: "xterm-256color", ...env },
    },
  };
}

/** Waits for the process and for all that it wrote; kills it when its time is up. */
async function finish<T>(
  { child, home }: { readonly child: Bun.Subprocess; readonly home: string },
  texts: readonly Text[],
  allWritten: Promise<unknown>,
  { timeoutMillis = defaultTimeoutMillis }: RunOptions,
  result: (ending: Ending) => T,
): Promise<T> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMillis);
  try {
    await child.exited;
    await allWritten;
    if (late) throw new Error(`etl was killed after ${timeoutMillis} ms\n${texts.map(shown).join("\n")}`);
    return result({ exitCode: child.exitCode, signal: signalOf(child) });
  } finally {
    clearTimeout(timer);
    rmSync(home, { recursive: true, force: true });
    for (const text of texts) text.end();
  }
}

/** Bun gives the number of a signal that it knows no name of. */
function signalOf({ signalCode }: Bun.Subprocess): string | null {
  return signalCode === null ? null : String(signalCode);
}

function shown({ name, text }: Text): string {
  return `--- ${name}\n${text}`;
}

/** {@link Written}, as the one who adds to it sees it. */
class Text implements Written {
  text = "";
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(readonly name: string) {}

  /** @param stream a descriptor or nothing if it leads elsewhere */
  async collect(stream: ReadableStream<Uint8Array> | number | undefined): Promise<void> {
    if (!(stream instanceof ReadableStream)) return;
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.add(decoder.decode(bytes, { stream: true }));
  }

  add(more: string): void {
    this.text += more;
    for (const look of this.#waiting) look();
  }

  end(): void {
    this.#ended = true;
    for (const look of this.#waiting) look();
  }

  until(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.test(this.text);
        if (!found && !this.#ended) return;
        this.#waiting.delete(look);
        if (found) resolve(this.text);
        else reject(new Error(`etl ended and never wrote ${pattern}\n${shown(this)}`));
      };
      this.#waiting.add(look);
      look();
    });
  }
}
