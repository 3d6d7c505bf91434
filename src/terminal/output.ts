/** The two output streams, and the end of the terminal: what is written arrives whole and in order, however slow the reader. */

import { readFileSync, write as writeDescriptor } from "node:fs";
import { isatty } from "node:tty";
import { EtlError } from "../errors.ts";

/** Standard output or standard error. */
export interface Output {
  /** A terminal that can be drawn on: `TERM=dumb` is taken for none. */
  readonly isTerminal: boolean;
  /** Columns of the terminal as it is now; 80 where it is none. */
  readonly columns: number;
  /** Rows of the terminal as it is now; 24 where it is none. */
  readonly rows: number;
  /** Whether escape sequences for colour may be written (a terminal, and `NO_COLOR` is not set). */
  readonly colours: boolean;
  /** True once the reader has gone away (a broken pipe); later writes are dropped without an error. */
  readonly closed: boolean;
  /**
   * Resolves when the text has been handed to the operating system, however slow the reader. Writes keep
   * their order, awaited or not; who does not await holds the text in memory.
   *
   * @throws EtlError `unavailable` where the text was lost, as on a full disk; so does every write after it
   */
  write(text: string): Promise<void>;
}

/** What is needed of `process`. */
interface HostProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

/** A standard stream, seen as a terminal: Bun keeps its size up to date. */
interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
}

/** The two streams that a run writes to. */
interface Outputs {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** The size that is assumed where a terminal does not tell, and where there is none. */
const defaultColumns = 80;
const defaultRows = 24;

/** What a failed write means to a person; other codes are named as they are. */
const failures: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file has reached the largest size allowed",
  EIO: "the device reported an input/output error",
};

/**
 * Opens both standard streams.
 *
 * Writes go to the descriptors, and `process.stdout` is not even read unless it is a terminal: reading it makes Bun
 * set a pipe to non-blocking and leave it so. The pipe belongs to every command of the same script, and those
 * then lose output ("Resource temporarily unavailable").
 *
 * A write to a stalled reader occupies one thread of Bun's pool, which has as few as two; with both taken, file reads
 * and name look-ups stand still. So the two outputs share one queue, and never occupy more than one.
 *
 * @param host its `NO_COLOR` and `TERM` are heeded
 * @see https://no-color.org
 */
export function openOutputs(host: HostProcess): Outputs {
  const queue = new WriteQueue();
  return {
    stdout: new StreamOutput(1, "standard output", host.env, queue, () => host.stdout),
    stderr: new StreamOutput(2, "standard error", host.env, queue, () => host.stderr),
  };
}

/** Runs one write after the other; a failed one does not keep the next from its turn. */
class WriteQueue {
  #last: Promise<unknown> = Promise.resolve();

  add<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

class StreamOutput implements Output {
  readonly isTerminal: boolean;
  readonly colours: boolean;
  readonly #descriptor: number;
  readonly #name: string;
  readonly #queue: WriteQueue;
  readonly #terminal: () => Terminal;
  /** A terminal of any kind. Asked once: one that was closed says that it is none. */
  readonly #isTty: boolean;
  #closed = false;
  #failure: EtlError | undefined;

  constructor(
    descriptor: number,
    name: string,
    env: HostProcess["env"],
    queue: WriteQueue,
    terminal: () => Terminal,
  ) {
    this.#descriptor = descriptor;
    this.#name = name;
    this.#queue = queue;
    this.#terminal = terminal;
    this.#isTty = isatty(descriptor);
    this.isTerminal = this.#isTty && env.TERM !== "dumb";
    this.colours = this.isTerminal && !env.NO_COLOR;
  }

  get columns(): number {
    const columns = this.isTerminal ? this.#terminal().columns : undefined;
    // Some pseudo-terminals report a size of 0.
    return columns || defaultColumns;
  }

  get rows(): number {
    const rows = this.isTerminal ? this.#terminal().rows : undefined;
    return rows || defaultRows;
  }

  get closed(): boolean {
    return this.#closed;
  }

  write(text: string): Promise<void> {
    return this.#queue.add(async () => {
      if (this.#failure) throw this.#failure;
      if (this.#closed || text === "") return;
      try {
        await writeWhole(this.#descriptor, Buffer.from(text));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? "unknown";
        if (!this.#readerIsGone(code)) throw this.#fail(code, error);
        this.#closed = true;
      }
    });
  }

  /** A terminal that was closed answers EIO; a pipe EPIPE; a socket also ECONNRESET. */
  #readerIsGone(code: string): boolean {
    return code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && this.#isTty);
  }

  #fail(code: string, cause: unknown): EtlError {
    this.#failure = new EtlError({
      kind: "unavailable",
      operation: "write",
      message: `writing to ${this.#name} failed, output is lost: ${failures[code] ?? `the system answered ${code}`}`,
      hint: "make room, or send the output somewhere else, and run the command again",
      code,
      cause,
    });
    return this.#failure;
  }
}

/** Hands every byte over; a call may take only a part of them. */
async function writeWhole(descriptor: number, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  let waitMillis = 1;
  while (offset < bytes.length) {
    const written = await writePart(descriptor, bytes, offset);
    offset += written;
    if (written > 0) {
      waitMillis = 1;
      continue;
    }
    // Another program made the pipe non-blocking and it is full. Nothing tells when it has room again.
    await Bun.sleep(waitMillis);
    waitMillis = Math.min(2 * waitMillis, 50);
  }
}

/** Resolves with the number of bytes taken, 0 where a non-blocking descriptor has no room. */
function writePart(descriptor: number, bytes: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writeDescriptor(descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (!error) resolve(written);
      else if (error.code === "EAGAIN") resolve(0);
      else reject(error);
    });
  });
}

/** The lowest bit is that of signal 1. */
const ignoredSignals = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m;

/**
 * Whether SIGHUP would end the process. To listen for a signal takes back what the parent has said of it, so nobody may
 * listen where it is ignored, or where nobody can say whether it is.
 *
 * @param statusPath Linux's status of the process, with the mask of ignored signals in hexadecimal digits
 * @see https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
 */
export function hangUpEnds(statusPath = "/proc/self/status"): boolean {
  try {
    const digit = ignoredSignals.exec(readFileSync(statusPath, "latin1"))?.[1];
    return digit !== undefined && (Number.parseInt(digit, 16) & 1) === 0;
  } catch {
    return false;
  }
}
