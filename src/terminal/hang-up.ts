/** Whether the end of the terminal is to end the process, or `nohup` has said otherwise. */

import { readFileSync } from "node:fs";

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
