/** The kill loop: the processes of all ways on one queue, each killed at a random moment, again and again, then a calm drain. */

import type { Running } from "./binary.ts";
import { Audit, type Figures, type Reports } from "./chaos-audit.ts";
import type { Chance } from "./chaos-chance.ts";
import { endFollow, follow, untilSettled } from "./chaos-follow.ts";
import type { ChaosWorld, Way } from "./chaos-world.ts";

/** How much of it. */
export interface KillPlan {
  readonly kills: number;
  readonly messages: number;
  /** The messages are spread over so many; the processes go from one to the next. */
  readonly queues: number;
}

/** What came of it. */
export interface KillFigures extends Figures {
  readonly kills: number;
  /** Kills while messages were out, received and not settled. */
  readonly killsInFlight: number;
  /** Deliveries of the queue, redeliveries included. */
  readonly deliveries: number;
}

/** Short, so that what a killed process held comes back soon. */
const visibilityTimeoutSeconds = 2;

/** The moments of a kill: some while after the start, or when a request or a commit goes by. */
const moments = ["delay", "ReceiveMessage", "DeleteMessageBatch", "commit"] as const;

/**
 * Runs the loop, with a process on each way of the world.
 *
 * @throws where a process ended otherwise than by its kill
 */
export async function killLoop(world: ChaosWorld, plan: KillPlan): Promise<KillFigures> {
  const audit = new Audit(world);
  const stations: Station[] = [];
  for (let index = 0; index < plan.queues; index += 1) stations.push(await openStation(world, audit, index));
  const portion = Math.ceil(plan.messages / plan.kills);
  const before = delivered(world);
  const counts = await killAgainAndAgain(world, plan.kills, audit.reports, async (way, args, begun) => {
    const { queueUrl, args: more } = stations[Math.floor((begun * stations.length) / plan.kills)] as Station;
    await audit.send(queueUrl, Math.min(portion, plan.messages - audit.messages));
    return { queueUrl, run: follow(world, way, queueUrl, [...args, ...more]) };
  });
  for (const station of stations) await calmDrain(world, audit, station);
  const figures = await audit.figures();
  return { ...counts, deliveries: delivered(world) - before, ...figures };
}

/**
 * Starts runs on every way of the world, each with a batch size of chance, and kills each at a moment of chance.
 *
 * @param start gives the run that follows a queue, for its number
 * @throws where a process ended otherwise than by its kill
 */
export async function killAgainAndAgain(
  world: ChaosWorld,
  count: number,
  reports: Reports,
  start: (way: Way, args: readonly string[], begun: number) => Promise<{ queueUrl: string; run: Running }>,
): Promise<{ readonly kills: number; readonly killsInFlight: number }> {
  let begun = 0;
  let kills = 0;
  let killsInFlight = 0;
  async function killer(way: Way, chance: Chance): Promise<void> {
    while (begun < count) {
      begun += 1;
      const args = ["--quiet", "--batch-size", String(chance.pick([10, 50, 200]))];
      const { queueUrl, run } = await start(way, args, begun - 1);
      await momentOf(way, chance);
      if (world.server.depth(queueUrl).inFlight > 0) killsInFlight += 1;
      run.kill("SIGKILL");
      const { signal, stdout, stderr } = await run.finished;
      if (signal !== "SIGKILL") throw new Error(`etl ended before it was killed:\n${stderr}`);
      kills += 1;
      reports.read(stdout);
    }
  }
  await Promise.all(world.ways.map((way) => killer(way, world.chance.fork())));
  return { kills, killsInFlight };
}

/** One of the queues, and how it is drained. */
interface Station {
  readonly queueUrl: string;
  readonly args: readonly string[];
  /** What becomes of bad messages. */
  readonly bad: "left" | "moved";
}

/** Of every second queue the bad messages go to a dead-letter queue. */
async function openStation(world: ChaosWorld, audit: Audit, index: number): Promise<Station> {
  const queueUrl = await world.newQueue({ VisibilityTimeout: visibilityTimeoutSeconds });
  if (index % 2 === 0) return { queueUrl, args: [], bad: "left" };
  const deadLetterUrl = await world.newQueue();
  audit.deadLettersGo(queueUrl, deadLetterUrl);
  const { queue } = world.ways[0] as Way;
  const args = ["--on-reject", "dead-letter", "--dead-letter-url", queue.urlOf(deadLetterUrl)];
  return { queueUrl, args, bad: "moved" };
}

/** Resolves at the moment of the kill, and a little while after it. */
async function momentOf(way: Way, chance: Chance): Promise<void> {
  const latest = Bun.sleep(chance.between(100, 1_500));
  const moment = chance.pick(moments);
  const count = chance.between(1, 8);
  if (moment === "delay") await latest;
  else await Promise.race([latest, passing(way, moment, count)]);
  if (chance.happens(0.5)) await Bun.sleep(chance.between(0, 20));
  way.queue.onRequest = () => {};
  way.link.onCommit = () => {};
}

/** Resolves when the so-many-th of them goes by. */
function passing(way: Way, what: string, count: number): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    const pass = () => {
      left -= 1;
      if (left === 0) resolve();
    };
    if (what === "commit") way.link.onCommit = pass;
    else way.queue.onRequest = ({ action }) => action === what && pass();
  });
}

/** Drains without faults until nothing but bad messages is left and each of them has been reported. */
async function calmDrain(world: ChaosWorld, audit: Audit, { queueUrl, args, bad }: Station): Promise<void> {
  const run = follow(world, world.ways[0] as Way, queueUrl, ["--quiet", ...args]);
  await untilSettled(world, [run], [queueUrl], () => audit.settled(queueUrl, bad));
  await endFollow(run, audit.reports);
}

function delivered(world: ChaosWorld): number {
  return world.ways.reduce((sum, { queue }) => sum + queue.delivered, 0);
}
