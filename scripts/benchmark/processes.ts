/** The processes of a run: starts them, and takes their CPU time and their memory. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** How to start it. */
export interface Command {
  readonly arguments: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a process has used. */
export interface Usage {
  /** User and system. */
  readonly cpuMicros: number;
  readonly peakBytes: number;
  /** What it wrote to standard output. */
  readonly output: string;
}

/** A process under way. */
export interface RunningChild {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** @throws if it ended with an error, or by a signal */
  readonly ended: Promise<Usage>;
  /** However it ended. */
  readonly stopped: Promise<unknown>;
}

const children = new Set<Bun.Subprocess>();

/** Starts a process. */
export function startChild({ arguments: words, env }: Command): RunningChild {
  const child = Bun.spawn([...words], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  children.add(child);
  const ended = async () => {
    const [output, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    const exitCode = await child.exited;
    children.delete(child);
    if (exitCode !== 0) {
      throw new Error(`${words.join(" ")} ended with ${child.signalCode ?? exitCode}\n${output}${errors}`);
    }
    const usage = child.resourceUsage();
    return { cpuMicros: Number(usage?.cpuTime.total ?? 0), peakBytes: usage?.maxRSS ?? 0, output };
  };
  const result = ended();
  // Who waits for another thing meanwhile hears of it later.
  result.catch(() => {});
  return { pid: child.pid, kill: (signal) => child.kill(signal), ended: result, stopped: child.exited };
}

/** Ends every process that is still running. */
export async function killChildren(): Promise<void> {
  await Promise.all(
    [...children].map((child) => {
      child.kill("SIGKILL");
      return child.exited;
    }),
  );
}

/** One of the bench's own programs, under way. */
export interface Helper {
  /** The first line that it wrote. */
  readonly said: string;
  /** @returns the last line that it wrote; empty if there was only one */
  stop(): Promise<string>;
}

/** Starts a program that serves until its standard input ends, which is when this process does at the latest. */
export async function startHelper(program: string, ...words: readonly string[]): Promise<Helper> {
  const child = Bun.spawn([process.execPath, join(import.meta.dirname, `programs/${program}.ts`), ...words], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  children.add(child);
  const lines = linesOf(child.stdout);
  const { value: said } = await lines.next();
  if (said === undefined) throw new Error(`the bench's ${program} did not start`);
  return {
    said,
    async stop() {
      child.stdin.end();
      const { value: last = "" } = await lines.next();
      await child.exited;
      children.delete(child);
      return last;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** A process's memory, in bytes. */
export interface Memory {
  readonly now: number;
  /** The most so far. The `maxRSS` of a child that has ended is none: it begins at what its parent held. */
  readonly peak: number;
}

/** What a process holds in memory; undefined if the system does not say, or the process has ended. */
export function memoryOf(pid: number): Memory | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const bytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
    const memory = { now: bytes("VmRSS"), peak: bytes("VmHWM") };
    return Number.isNaN(memory.now + memory.peak) ? undefined : memory;
  } catch {
    return undefined;
  }
}

/**
 * Time on a CPU of all threads that live; Linux alone says it so finely.
 *
 * @see https://docs.kernel.org/scheduler/sched-stats.html
 */
export function cpuNanosOf(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const of = (thread: string) =>
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1)[0];
    return threads.map(of).reduce((sum, nanos) => sum + Number(nanos), 0);
  } catch {
    return undefined;
  }
}

/** Linux counts CPU time for programs in hundredths of a second, whatever its own clock. */
const microsPerTick = 10_000;

/**
 * The time of the processes that are running and of those that have ended; undefined if there is no `/proc`.
 *
 * @param pid of the postmaster, whose children all others are
 */
export function serverCpuMicros(pid: number): number | undefined {
  try {
    const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const stats = processes.map((name) => statOf(Number(name)));
    const ticks = stats
      .filter((stat) => stat !== undefined && (stat.pid === pid || stat.parent === pid))
      .map((stat) => (stat?.pid === pid ? stat.own + stat.ended : (stat?.own ?? 0)));
    return ticks.length === 0 ? undefined : ticks.reduce((sum, count) => sum + count, 0) * microsPerTick;
  } catch {
    return undefined;
  }
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function statOf(pid: number): { pid: number; parent: number; own: number; ended: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // From the third field on: the second is a name, which may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const field = (number: number) => Number(fields[number - 3]);
    return { pid, parent: field(4), own: field(14) + field(15), ended: field(16) + field(17) };
  } catch {
    return undefined;
  }
}
