/** The time for which this thread had work: on a core, or in line for one. */

import { readFileSync } from "node:fs";
import self from "node:process";

/**
 * Linux's times of the calling thread: on a core, and in line for one, both in nanoseconds, and how often it had a turn.
 *
 * @see https://docs.kernel.org/scheduler/sched-stats.html
 */
const schedulerTimes = "/proc/thread-self/schedstat";

/**
 * How long the calling thread had work, in milliseconds: its CPU time, user and system, and the time for which it was ready
 * and others had the cores. Without the second, a machine that is overloaded looks like one whose database is slow.
 */
export function threadRunnableMillis(): number {
  const { user, system } = self.threadCpuUsage();
  return (user + system) / 1000 + waitedForCoreMillis(schedulerTimes);
}

/** The second of the times in such a file; 0 where the system has no such file. */
export function waitedForCoreMillis(path: string): number {
  try {
    const nanos = Number(readFileSync(path, "latin1").split(" ")[1]);
    return Number.isFinite(nanos) ? nanos / 1e6 : 0;
  } catch {
    return 0;
  }
}
