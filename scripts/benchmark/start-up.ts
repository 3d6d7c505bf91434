/** How long the executable takes to start, beside one compiled from nothing. */

import { compileProgram } from "./compiled-program.ts";
import { figureOf, markdownTable, shownFigure } from "./figures.ts";

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
