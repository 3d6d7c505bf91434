/** The two output streams, and the end of the terminal: what is written arrives whole and in order, however slow the reader. */

import { readFileSync, write as writeDescriptor } from "node:fs";
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
  /** True once the reader has gone away (a broken pipe); later writes are dropped without an error. */
  readonly closed: boolean;
  /**
   * Resolves when the text has been handed to the operating system, however slow the reader. Writes keep
   * their order, awaited or not; who does not await holds the text in memory.
   *
   * @throws EtlError `unavailable` if the text was lost, as on a full disk; so does every write after it
   */
  write(text: string): Promise<void>;
}

/** What is needed of `process`; of a standard stream its size as a terminal, which Bun keeps up to date. */
interface HostProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { readonly columns?: number; readonly rows?: number };
  readonly stderr: HostProcess["stdout"];
}

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
export function openOutputs(host: HostProcess): { readonly stdout: Output; readonly stderr: Output } {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn: InTurn = (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  return {
    stdout: openOutput(1, "standard output", host.env, () => host.stdout, inTurn),
    stderr: openOutput(2, "standard error", host.env, () => host.stderr, inTurn),
  };
}

/** Runs one piece of work after the other; a failed one does not keep the next from its turn. */
type InTurn = (work: () => Promise<void>) => Promise<void>;

function openOutput(
  descriptor: number,
  name: string,
  env: HostProcess["env"],
  size: () => HostProcess["stdout"],
  inTurn: InTurn,
): Output {
  // A terminal of any kind. Asked once: one that was closed says that it is none.
  const isTty = isatty(descriptor);
  const isTerminal = isTty && env.TERM !== "dumb";
  let closed = false;
  let failure: EtlError | undefined;

  async function write(text: string): Promise<void> {
    if (failure) throw failure;
    if (closed || text === "") return;
    try {
      await writeWhole(descriptor, Buffer.from(text));
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
      // The reader is gone: a pipe answers EPIPE, a socket also ECONNRESET, a terminal that was closed EIO.
      closed = code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && isTty);
      if (closed) return;
      failure = new EtlError({
        kind: "unavailable",
        operation: "write",
        message: `writing to ${name} failed, output is lost: ${failures[code] ?? `the system answered ${code}`}`,
        hint: "make room, or send the output somewhere else, and run the command again",
        code,
        cause,
      });
      throw failure;
    }
  }

  return {
    isTerminal,
    colours: isTerminal && !env.NO_COLOR,
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
    write: (text) => inTurn(() => write(text)),
  };
}

/** Hands every byte over; a call may take only a part of them. */
async function writeWhole(descriptor: number, bytes: Uint8Array): Promise<void> {
  let waitMillis = 1;
  for (let rest = bytes; rest.length > 0; ) {
    const written = await writePart(descriptor, rest);
    rest = rest.subarray(written);
    // Another program made the pipe non-blocking and it is full. Nothing tells when it has room again.
    if (written === 0) await Bun.sleep(waitMillis);
    waitMillis = written === 0 ? Math.min(2 * waitMillis, 50) : 1;
  }
}

/** Resolves with the number of bytes taken, 0 if a non-blocking descriptor has no room. */
function writePart(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    writeDescriptor(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (!error) resolve(written);
      else if (error.code === "EAGAIN") resolve(0);
      else reject(error);
    });
  });
}

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
