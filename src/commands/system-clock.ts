/** The real clock, and the time that this thread has been at work. */

import self from "node:process";
import type { Clock } from "../drain/ports.ts";

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

/** CPU time of the calling thread, user and system, in milliseconds. */
export function threadCpuMillis(): number {
  const { user, system } = self.threadCpuUsage();
  return (user + system) / 1000;
}
