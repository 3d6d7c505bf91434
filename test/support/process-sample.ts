/** What a process takes up at a moment, as Linux counts it. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One look at a process. */
export interface ProcessSample {
  /** Resident memory at this moment, in MiB. */
  readonly mebibytes: number;
  /** The most that it has been, in MiB. */
  readonly peakMebibytes: number;
  /** File descriptors, sockets among them. */
  readonly files: number;
  readonly sockets: number;
  /** User and system time so far. */
  readonly cpuSeconds: number;
}

/** Ticks of /proc a second: fixed on Linux for what it tells programs. @see https://man7.org/linux/man-pages/man7/time.7.html */
const ticksPerSecond = 100;

/** Looks at a process. @throws if it is gone */
export function sampleProcess(pid: number): ProcessSample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  // The name in brackets may hold blanks; what follows it does not.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const descriptors = readdirSync(`/proc/${pid}/fd`);
  const isSocket = (descriptor: string) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith("socket:");
    } catch {
      return false;
    }
  };
  return {
    mebibytes: mebibytes("VmRSS"),
    peakMebibytes: mebibytes("VmHWM"),
    files: descriptors.length,
    sockets: descriptors.filter(isSocket).length,
    cpuSeconds: (Number(stat[11]) + Number(stat[12])) / ticksPerSecond,
  };
}
