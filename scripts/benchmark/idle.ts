/** What `etl` costs when it moves no message, beside programs that do nothing: its start, and waiting at an empty queue. */

import { join } from "node:path";
import { type Place, testEnvironment } from "./contenders.ts";
import { figureOf, markdownTable, shownFigure } from "./figures.ts";
import { type Command, cpuNanosOf, startChild } from "./processes.ts";

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
 * @returns a table in Markdown; undefined if the system does not say what a process uses while it runs
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

const starts = 20;

/**
 * Runs `etl --version` and the empty program in turn.
 *
 * @param folder where the empty program is compiled
 * @returns a table in Markdown
 */
export async function startUpTable(executables: readonly string[], folder: string): Promise<string> {
  const empty = await compileProgram(folder, "empty", "export {};");
  const commands = [[empty], ...executables.map((executable) => [executable, "--version"])];
  const measured = commands.map((words) => ({
    words,
    wallMillis: [] as number[],
    cpuMillis: [] as number[],
  }));
  for (let start = 0; start < starts; start += 1) {
    for (const { words, wallMillis, cpuMillis } of measured) {
      const since = performance.now();
      const cpuMicros = run(words);
      wallMillis.push(performance.now() - since);
      cpuMillis.push(cpuMicros / 1000);
    }
  }
  return markdownTable(
    [`start-up, ${starts} times`, "ms", "CPU ms"],
    measured.map(({ words: [executable = "", ...flags], wallMillis, cpuMillis }) => [
      executable === empty ? "an empty program, compiled" : `etl ${flags.join(" ")}`,
      shownFigure(figureOf(wallMillis), 1),
      shownFigure(figureOf(cpuMillis), 1),
    ]),
  );
}

/** @returns microseconds of CPU, user and system */
function run(words: readonly string[]): number {
  const { exitCode, resourceUsage } = Bun.spawnSync([...words], { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${words.join(" ")} ended with ${exitCode}`);
  return Number(resourceUsage.cpuTime.total);
}

/**
 * Compiles with the flags of `scripts/build`.
 *
 * @returns the path of the executable
 */
async function compileProgram(folder: string, name: string, source: string): Promise<string> {
  const executable = join(folder, name);
  await Bun.write(`${executable}.ts`, source);
  const flags = ["--compile", "--bytecode", "--format=esm", "--outfile", executable];
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "build", `${executable}.ts`, ...flags]);
  if (exitCode !== 0) throw new Error(`${name} cannot be compiled\n${stderr}`);
  return executable;
}
