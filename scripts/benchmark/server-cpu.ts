/** What CPU time a Postgres server has used, all of its processes together; Linux alone says it. */

import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time for programs in hundredths of a second, whatever its own clock. */
const microsPerTick = 10_000;

/**
 * The time of the processes that are running and of those that have ended; undefined where there is no `/proc`.
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
