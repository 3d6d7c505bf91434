/** A drain that follows a queue through chaos, and is watched until everything has become what it is to become. */

import type { Finished, Running } from "./binary.ts";
import type { Audit } from "./chaos-audit.ts";
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

/** Messages of a queue, those in flight included. */
export function depthOf(world: ChaosWorld, queueUrl: string): number {
  const { visible, inFlight } = world.server.depth(queueUrl);
  return visible + inFlight;
}

/** Resolves when nothing is left in the queue but what is to stay there, and every bad message has been reported. */
export function untilSettled(
  world: ChaosWorld,
  audit: Audit,
  queueUrl: string,
  run: Running,
  { bad = "left" }: { readonly bad?: "left" | "moved" } = {},
): Promise<void> {
  const staying = () => (bad === "left" ? audit.badIn(queueUrl) : 0);
  const endedEarly = run.finished.then(({ exitCode, stderr }) => {
    throw new Error(`etl ended with ${exitCode} before all was settled:\n${stderr}`);
  });
  const settled = until(
    () => depthOf(world, queueUrl) <= staying() && audit.allReported(queueUrl, run.stdout.text),
    () =>
      `${depthOf(world, queueUrl)} in the queue, ${staying()} to stay there\n${run.stderr.text.slice(-3000)}`,
  );
  return Promise.race([settled, endedEarly]);
}

/** Ends it by SIGTERM and reads what it wrote. @throws where it does not end as it should */
export async function endFollow(run: Running, audit: Audit): Promise<Finished> {
  run.kill("SIGTERM");
  const finished = await run.finished;
  audit.read(finished.stdout);
  if (finished.exitCode !== 143) throw new Error(`ended with ${finished.exitCode}:\n${finished.stderr}`);
  return finished;
}
