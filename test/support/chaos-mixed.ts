/** All faults at once: two processes, one that follows and one that is started again and again, and no calm. */

import type { Running } from "./binary.ts";
import { Audit, addsUp, type Figures } from "./chaos-audit.ts";
import type { Chance } from "./chaos-chance.ts";
import { type DatabaseFault, databaseFaultNames, databaseFaults } from "./chaos-database-faults.ts";
import { chaosFlags, endFollow, follow, untilSettled } from "./chaos-follow.ts";
import { queueFaultNames } from "./chaos-queue-faults.ts";
import type { ChaosWorld, Way } from "./chaos-world.ts";

/** How much of it. */
export interface MixedPlan {
  readonly messages: number;
  /** Faults of the database, one after the other. The queue's strike all the while. */
  readonly databaseFaults: number;
  /** For how long the same faults and as many messages come again. @defaultValue once */
  readonly minutes?: number;
  /** Called after each fault of the database with the process that follows all the while. */
  readonly onMended?: (pid: number) => void;
}

/** What came of it. */
export interface MixedFigures extends Figures {
  /** Of queue and database together. */
  readonly faults: number;
  /** Runs that ended, by themselves or by a stop signal, and whose receipts were checked. */
  readonly runs: number;
}

/** One request in eight meets a fault. */
const queueFaultRate = 0.125;

/** A run that is not stopped soon, and that faults keep from its end, makes place for the next one after that. */
const longestRunMillis = 3_000;

/** How a run without `--follow` may end in the midst of faults. */
const allowedEnds: readonly (number | null)[] = [0, 65, 69, 75, 143];

/** Runs it. The world needs two ways. @throws where a run ended as it must not, or its receipt does not add up */
export async function mixedFaults(world: ChaosWorld, plan: MixedPlan): Promise<MixedFigures> {
  const { chance } = world;
  const audit = new Audit(world);
  const queueUrl = await world.newQueue({ VisibilityTimeout: 2 });
  const [steady, restless] = world.ways as [Way, Way];
  const before = queueFaultCount(world);
  const over = { reached: false };
  const portion = Math.ceil(plan.messages / plan.databaseFaults);

  await audit.send(queueUrl, Math.min(portion, plan.messages));
  const run = follow(world, steady, queueUrl);
  await run.stderr.until(/draining/);
  for (const { queue } of world.ways) queue.set(queueFaultNames, queueFaultRate);
  const others = startAgainAndAgain(world, restless, queueUrl, audit, chance.fork(), over);
  others.catch(() => {}); // it is awaited when the faults are over
  const end = performance.now() + (plan.minutes ?? 0) * 60_000;
  let faultsDone = 0;
  do {
    // Every database fault as often as every other, in an order of chance.
    const all = Array.from({ length: plan.databaseFaults }, (_, index) => index % databaseFaultNames.length);
    const most = audit.messages + plan.messages - (faultsDone === 0 ? portion : 0);
    for (const index of chance.shuffled(all)) {
      const fault = databaseFaultNames[index] as DatabaseFault;
      const way = fault === "deadlock" ? steady : chance.pick(world.ways);
      const mend = await databaseFaults[fault]({ ...world, way });
      await audit.send(queueUrl, Math.min(portion, most - audit.messages));
      await Bun.sleep(chance.between(50, 300));
      await mend();
      faultsDone += 1;
      const ended = await Promise.race([run.finished, Promise.resolve(undefined)]);
      if (ended !== undefined)
        throw new Error(`etl ended with ${ended.exitCode} after ${fault}:\n${ended.stderr.slice(-3000)}`);
      plan.onMended?.(run.pid);
    }
  } while (performance.now() < end);
  over.reached = true;
  for (const { queue } of world.ways) queue.set([], 0);
  const runs = (await others) + 1;
  await untilSettled(world, [run], [queueUrl], () => audit.settled(queueUrl));
  await endFollow(run, audit.reports);
  for (const receipt of audit.reports.receipts) {
    if (!addsUp(receipt)) throw new Error(`a receipt does not add up: ${JSON.stringify(receipt)}`);
  }
  const faults = queueFaultCount(world) - before + faultsDone;
  return { faults, runs, ...(await audit.figures()) };
}

/** @returns how many runs there were */
async function startAgainAndAgain(
  world: ChaosWorld,
  way: Way,
  queueUrl: string,
  audit: Audit,
  chance: Chance,
  over: { readonly reached: boolean },
): Promise<number> {
  let runs = 0;
  while (!over.reached) {
    const run = world.spawn(way, queueUrl, [...chaosFlags, "--give-up-after", "2", "--grace-seconds", "5"]);
    const stopping = stopLater(run, chance.happens(0.5) ? chance.between(100, 2_000) : longestRunMillis);
    const { exitCode, stdout, stderr } = await run.finished;
    clearTimeout(stopping);
    if (!allowedEnds.includes(exitCode)) throw new Error(`etl ended with ${exitCode}:\n${stderr}`);
    audit.reports.read(stdout);
    runs += 1;
  }
  return runs;
}

/** By a signal at a random moment, which is the experiment. */
function stopLater(run: Running, millis: number): Timer {
  return setTimeout(() => run.kill("SIGTERM"), millis);
}

function queueFaultCount(world: ChaosWorld): number {
  let count = 0;
  for (const { queue } of world.ways) for (const times of queue.done.values()) count += times;
  return count;
}
