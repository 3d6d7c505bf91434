/** A drain that follows a queue through chaos, and is watched until everything has become what it is to become. */

import type { Finished, Running } from "./binary.ts";
import type { Reports, Settled } from "./chaos-audit.ts";
import type { ChaosWorld, Way } from "./chaos-world.ts";

/** Flags of every drain in chaos. */
export const chaosFlags = ["drain", "--json", "--wait-seconds", "1"];

/** What may pass until everything is settled. */
const patienceMillis = 60_000;

/** Starts a drain that follows the queue. */
export function follow(world: ChaosWorld, way: Way, queueUrl: string, args: readonly string[] = []): Running {
  return world.spawn(way, queueUrl, [...chaosFlags, "--follow", ...args]);
}

/** Resolves when the condition holds. @throws where it does not in time */
export async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = performance.now() + patienceMillis;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what()}`);
    await Bun.sleep(20);
  }
}

/** Resolves when nothing is left in the queues but what is to stay there, and every bad message has been reported. */
export function untilSettled(
  world: ChaosWorld,
  runs: readonly Running[],
  queueUrls: readonly string[],
  expected: () => Settled,
): Promise<void> {
  const depth = () => queueUrls.reduce((sum, url) => sum + world.depthOf(url), 0);
  const logs = () => runs.map(({ stderr }) => stderr.text.slice(-3000)).join("\n");
  const endedEarly = runs.map(async ({ finished }) => {
    const { exitCode, stderr } = await finished;
    throw new Error(`etl ended with ${exitCode} before all was settled:\n${stderr}`);
  });
  const settled = until(
    () => {
      const { staying, reports, bad } = expected();
      const stdouts = runs.map(({ stdout }) => stdout.text);
      return depth() <= staying && reports.have(bad, stdouts);
    },
    () => `${depth()} in the queues, ${expected().staying} to stay there\n${logs()}`,
  );
  return Promise.race([settled, ...endedEarly]);
}

/** Ends it by SIGTERM and reads what it wrote. @throws where it does not end as it should */
export async function endFollow(run: Running, reports: Reports): Promise<Finished> {
  run.kill("SIGTERM");
  const finished = await run.finished;
  reports.read(finished.stdout);
  if (finished.exitCode !== 143) throw new Error(`ended with ${finished.exitCode}:\n${finished.stderr}`);
  return finished;
}
