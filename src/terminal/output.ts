/** The two output streams, and the end of the terminal: what is written arrives whole and in order, however slow the reader. */

import { constants, fstatSync, openSync, readFileSync, write as writeDescriptor, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { EtlError } from "../errors.ts";

/** Standard output or standard error. */
export interface Output {
  /** A terminal that can be drawn on: `TERM=dumb` is taken for none. */
  readonly isTerminal: boolean;
  /** Columns of the terminal as it is now; 80 if it is none. */
  readonly columns: number;
  /** Rows of the terminal as it is now; 24 if it is none. */
  readonly rows: number;
  /** Whether escape sequences for colour may be written (a terminal, and `NO_COLOR` is not set). */
  readonly colours: boolean;
  /** What it leads to; the same for both streams if one terminal, pipe or file takes both. */
  readonly place: string;
  /** True once the reader has gone away (a broken pipe); later writes are dropped without an error. */
  readonly closed: boolean;
  /** What was written and is not handed over, in characters. */
  readonly backlog: number;
  /** Whether the reader has taken nothing for two seconds, though something waits for it. */
  readonly stuck: boolean;
  /**
   * Resolves when the text has been handed to the operating system, however slow the reader. Writes keep
   * their order, awaited or not; who does not await holds the text in memory.
   *
   * @throws EtlError `unavailable` if the text was lost, as on a full disk; so does every write after it
   */
  write(text: string): Promise<void>;
  /** Waits for the reader no longer: what waits is dropped without an error, and so is what comes later. */
  abandon(): void;
  /** Whether something was dropped because the output was abandoned. */
  readonly abandoned: boolean;
}

/** What is needed of `process`; of a standard stream its size as a terminal, which Bun keeps up to date. */
interface HostProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { readonly columns?: number; readonly rows?: number };
  readonly stderr: HostProcess["stdout"];
}

/** A reader that takes nothing for so long is not waited for when there is something better to do. */
const stuckMillis = 2_000;

/** What a failed write means to a person; other codes are named as they are. */
const failures: Readonly<Record<string, string>> = {
  EBADF: "it is closed",
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
 * A standard output that was closed before the start fails at its first write, also of an empty text; what is written to a
 * closed standard error is dropped.
 *
 * @param host its `NO_COLOR` and `TERM` are heeded
 * @see https://no-color.org
 */
export function openOutputs(host: HostProcess): { readonly stdout: Output; readonly stderr: Output } {
  const turns = new Map<string, InTurn>();
  const inTurn: InTurnOf = (queue) => {
    const turn = turns.get(queue) ?? newQueue();
    turns.set(queue, turn);
    return turn;
  };
  const stdout = { descriptor: 1, name: "standard output", size: () => host.stdout };
  const stderr = { descriptor: 2, name: "standard error", size: () => host.stderr };
  return {
    stdout: openOutput(stdout, host.env, inTurn, wasClosed(1) ? { failureCode: "EBADF" } : {}),
    stderr: openOutput(stderr, host.env, inTurn, { closed: wasClosed(2) }),
  };
}

/** Runs one piece of work after the other; a failed one does not keep the next from its turn. */
type InTurn = (work: () => Promise<void>) => Promise<void>;
type InTurnOf = (queue: string) => InTurn;

function newQueue(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}

interface StandardStream {
  readonly descriptor: number;
  readonly name: string;
  readonly size: () => HostProcess["stdout"];
}

function openOutput(
  { descriptor, name, size }: StandardStream,
  env: HostProcess["env"],
  inTurn: InTurnOf,
  start: { readonly failureCode?: string; readonly closed?: boolean },
): Output {
  // A terminal of any kind. Asked once: one that was closed says that it is none.
  const isTty = isatty(descriptor);
  const isTerminal = isTty && env.TERM !== "dumb";
  const channel = openChannel(descriptor);
  const turn = inTurn(channel.queue);
  let closed = start.closed ?? false;
  let failure = start.failureCode === undefined ? undefined : lost(start.failureCode);
  let abandoned = false;
  let hasDropped = false;
  let backlog = 0;
  /** When the write under way last got something over; undefined if none is. */
  let progressAtMillis: number | undefined;

  function lost(code: string, cause?: unknown): EtlError {
    return new EtlError({
      kind: "unavailable",
      operation: "write",
      message: `writing to ${name} failed, output is lost: ${failures[code] ?? `the system answered ${code}`}`,
      hint:
        code === "EBADF"
          ? "send it to a file or to /dev/null, and run the command again"
          : "make room, or send the output somewhere else, and run the command again",
      code,
      cause,
    });
  }

  async function write(text: string): Promise<void> {
    if (failure) throw failure;
    if (closed || text === "") return;
    try {
      await writeWhole(Buffer.from(text));
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
      // The reader is gone: a pipe answers EPIPE, a socket also ECONNRESET, a terminal that was closed EIO.
      closed = code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && isTty);
      if (closed) return;
      failure = lost(code, cause);
      throw failure;
    }
  }

  /** Hands every byte over; a call may take only a part of them. */
  async function writeWhole(bytes: Uint8Array): Promise<void> {
    let waitMillis = 1;
    progressAtMillis = performance.now();
    try {
      for (let rest = bytes; rest.length > 0; ) {
        if (abandoned) {
          hasDropped = true;
          return;
        }
        const written = await channel.write(rest);
        rest = rest.subarray(written);
        if (written > 0) {
          progressAtMillis = performance.now();
          waitMillis = 1;
        } else if (!abandoned) {
          // Nothing tells when a full pipe has room again.
          await Bun.sleep(waitMillis);
          waitMillis = Math.min(2 * waitMillis, 50);
        }
      }
    } finally {
      progressAtMillis = undefined;
    }
  }

  return {
    isTerminal,
    colours: isTerminal && !env.NO_COLOR,
    place: channel.place,
    // Some pseudo-terminals report a size of 0.
    get columns() {
      return (isTerminal && size().columns) || 80;
    },
    get rows() {
      return (isTerminal && size().rows) || 24;
    },
    get closed() {
      return closed;
    },
    get backlog() {
      return backlog;
    },
    get stuck() {
      return progressAtMillis !== undefined && performance.now() - progressAtMillis >= stuckMillis;
    },
    async write(text) {
      backlog += text.length;
      try {
        await turn(() => write(text));
      } finally {
        backlog -= text.length;
      }
    },
    abandon() {
      abandoned = true;
      channel.release();
    },
    get abandoned() {
      return hasDropped;
    },
  };
}

/** How bytes get to where a descriptor leads. */
interface Channel {
  readonly place: string;
  /** Writes of one queue follow each other. */
  readonly queue: string;
  /** The number of bytes taken; 0 if there is no room, or after `release`. */
  write(bytes: Uint8Array): number | Promise<number>;
  /** The write under way is not waited for. */
  release(): void;
}

/**
 * A pipe is opened once more, so that it can be non-blocking for us alone: then no reader holds up anything. What cannot be
 * opened again (a socket, anything without Linux's `/proc`), or must not be (a file has its offset in the descriptor), is
 * written by a thread. A stalled reader occupies that thread, of which Bun has as few as two; with both taken, file reads and
 * name look-ups stand still. So all that is written by threads is in one queue.
 */
function openChannel(descriptor: number): Channel {
  const { dev, ino, isPipe } = statusOf(descriptor);
  const place = `${dev}:${ino}`;
  const own = isPipe ? openAgain(descriptor) : undefined;
  if (own !== undefined) {
    return { place, queue: place, write: (bytes) => writeNow(own, bytes), release() {} };
  }
  let release = () => {};
  return {
    place,
    queue: "thread",
    write: (bytes) =>
      new Promise((resolve, reject) => {
        release = () => resolve(0);
        writeDescriptor(descriptor, bytes, 0, bytes.length, null, (error, written) => {
          if (!error) resolve(written);
          // Another program made the pipe non-blocking.
          else if (error.code === "EAGAIN") resolve(0);
          else reject(error);
        });
      }),
    release: () => release(),
  };
}

function statusOf(descriptor: number) {
  try {
    const status = fstatSync(descriptor);
    return { dev: status.dev, ino: status.ino, isPipe: status.isFIFO() };
  } catch {
    return { dev: "descriptor", ino: descriptor, isPipe: false };
  }
}

function openAgain(descriptor: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function writeNow(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

/**
 * Whether a standard stream was closed when the process began. Bun then opens `/dev/null` in its place, with the flag that
 * closes it in a child; what a process inherits never has that flag.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html
 */
function wasClosed(descriptor: number): boolean {
  try {
    const [, flags = "0"] =
      /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1")) ?? [];
    return (Number.parseInt(flags, 8) & closeOnExec) !== 0;
  } catch {
    return false;
  }
}

/** Linux's `O_CLOEXEC`, which Node's constants leave out. */
const closeOnExec = 0o2000000;

/**
 * Whether SIGHUP would end the process; not under `nohup`. To listen for a signal takes back what the parent has said of
 * it, so nobody may listen if it is ignored, or if nobody can say whether it is.
 *
 * @param statusPath Linux's status of the process, with the mask of ignored signals in hexadecimal digits
 * @see https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
 */
export function hangUpEnds(statusPath = "/proc/self/status"): boolean {
  try {
    const digit = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(readFileSync(statusPath, "latin1"))?.[1];
    // The lowest bit is that of signal 1.
    return digit !== undefined && (Number.parseInt(digit, 16) & 1) === 0;
  } catch {
    return false;
  }
}
