/** The real clock, and the time for which this thread had work. */

import { readFileSync } from "node:fs";
import self from "node:process";
import type { Clock } from "../polling/ports.ts";

/** Time as it passes. */
export const systemClock: Clock = {
  monotonicMillis: () => performance.now(),
  sleep(millis, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, millis);
      signal?.addEventListener("abort", wake);
    });
  },
};

/**
 * How long the calling thread had work, in milliseconds: its CPU time, user and system, and the time for which it was ready
 * and others had the cores. Without the second, a machine that is overloaded looks like one whose database is slow.
 */
export function threadRunnableMillis(): number {
  const { user, system } = self.threadCpuUsage();
  return (user + system) / 1000 + waitedForCoreMillis("/proc/thread-self/schedstat");
}

/**
 * The time in line for a core, of Linux's times of a thread: on a core, and in line for one, both in nanoseconds, and how
 * often it had a turn. 0 if the system has no such file.
 *
 * @see https://docs.kernel.org/scheduler/sched-stats.html
 */
export function waitedForCoreMillis(path: string): number {
  try {
    const nanos = Number(readFileSync(path, "latin1").split(" ")[1]);
    return Number.isFinite(nanos) ? nanos / 1e6 : 0;
  } catch {
    return 0;
  }
}
