/** What a drain that follows an empty queue costs while it waits, beside a program that does nothing else. */

import { readdirSync, readFileSync } from "node:fs";
import { type Command, startChild } from "./child-process.ts";
import { compileProgram } from "./compiled-program.ts";
import type { Place } from "./contender.ts";
import { testEnvironment } from "./environment.ts";
import { figureOf, markdownTable, shownFigure } from "./figures.ts";

/** By then it has started, and its first poll is open. */
const startMillis = 3_000;
/** As long as a poll: one ends and one begins. */
const watchMillis = 20_000;

/** Holds one poll open after the other, as little code as can be. */
const barePolls = `
for (;;) {
  const body = "Action=ReceiveMessage&WaitTimeSeconds=20";
  await (await fetch(process.env.ETL_QUEUE_URL, { method: "POST", body })).text();
}
`;

/**
 * Watches one program after the other; the queue is empty.
 *
 * @param folder where the program is compiled that `etl` is compared with
 * @returns a table in Markdown; undefined where the system does not say what a process uses while it runs
 */
export async function idleTable(
  executables: readonly string[],
  place: Place,
  runs: number,
  folder: string,
): Promise<string | undefined> {
  const env = testEnvironment(place);
  const bare = await compileProgram(folder, "bare-polls", barePolls);
  const programs: (readonly [name: string, command: Command])[] = [
    ["fetch alone, compiled", { arguments: [bare], env }],
    ...executables.map(
      (executable) =>
        ["etl drain --follow", { arguments: [executable, "drain", "--follow", "--quiet"], env }] as const,
    ),
  ];
  const watched = programs.map(([name, command]) => ({ name, command, cpuMillis: [] as number[] }));
  for (let run = 0; run < runs; run += 1) {
    for (const { command, cpuMillis } of watched) {
      const used = await watch(command);
      if (used === undefined) return undefined;
      cpuMillis.push(used);
    }
  }
  return markdownTable(
    ["waiting at an empty queue", `CPU ms in ${watchMillis / 1000} s`],
    watched.map(({ name, cpuMillis }) => [name, shownFigure(figureOf(cpuMillis), 1)]),
  );
}

/** @returns milliseconds of CPU */
async function watch(command: Command): Promise<number | undefined> {
  const child = startChild(command);
  await Promise.race([Bun.sleep(startMillis), child.ended]);
  const before = cpuNanosOf(child.pid);
  await Promise.race([Bun.sleep(watchMillis), child.ended]);
  const after = cpuNanosOf(child.pid);
  child.kill("SIGTERM");
  await child.stopped;
  return before === undefined || after === undefined ? undefined : (after - before) / 1e6;
}

/**
 * Time on a CPU of all threads that live; Linux alone says it so finely.
 *
 * @see https://docs.kernel.org/scheduler/sched-stats.html
 */
function cpuNanosOf(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const of = (thread: string) =>
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1)[0];
    return threads.map(of).reduce((sum, nanos) => sum + Number(nanos), 0);
  } catch {
    return undefined;
  }
}
