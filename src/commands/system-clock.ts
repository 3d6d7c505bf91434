/** The real clock. */

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
