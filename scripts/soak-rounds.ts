/** The rounds of `scripts/soak`: a kill loop and all faults mixed in turn, until the time is over. One process lives through all of a round's faults. */

import { parseArgs } from "node:util";
import { printFigures } from "../test/support/chaos-audit.ts";
import { createChance } from "../test/support/chaos-chance.ts";
import { killLoop } from "../test/support/chaos-kill.ts";
import { mixedFaults } from "../test/support/chaos-mixed.ts";
import { openChaosWorld } from "../test/support/chaos-world.ts";
import { type ProcessSample, sampleProcess } from "../test/support/process-sample.ts";

const usage = "usage: scripts/soak [--minutes N] [--seed N]";

/** A process that follows for longer shows whether anything grows. */
const longestRoundMinutes = 20;

function fail(message: string): never {
  console.error(`error: ${message}\n${usage}`);
  process.exit(64);
}

function readFlags() {
  try {
    const { minutes, seed } = parseArgs({
      options: { minutes: { type: "string" }, seed: { type: "string" } },
    }).values;
    return { minutes: Number(minutes ?? 10), seed: Number(seed ?? Math.floor(Math.random() * 2 ** 31)) };
  } catch {
    return fail("unknown argument");
  }
}

/** The median of the first and of the last quarter of the samples: what leaks is larger at the end. */
function growth(samples: readonly ProcessSample[]): Record<string, number> {
  const quarter = Math.ceil(samples.length / 4);
  const medianOf = (part: readonly ProcessSample[], name: keyof ProcessSample) =>
    Math.round(
      part.map((sample) => sample[name]).toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0,
    );
  const [first, last] = [samples.slice(0, quarter), samples.slice(-quarter)];
  return {
    samples: samples.length,
    "MiB at first": medianOf(first, "mebibytes"),
    "MiB at the end": medianOf(last, "mebibytes"),
    "MiB at most": Math.round(samples.at(-1)?.peakMebibytes ?? 0),
    "files at first": medianOf(first, "files"),
    "files at the end": medianOf(last, "files"),
    "sockets at first": medianOf(first, "sockets"),
    "sockets at the end": medianOf(last, "sockets"),
    "CPU seconds": Math.round(samples.at(-1)?.cpuSeconds ?? 0),
  };
}

const { minutes, seed } = readFlags();
if (!(minutes > 0)) fail("--minutes takes a number above 0");
if (!Number.isInteger(seed)) fail("--seed takes a whole number");

console.log(`soak: --minutes ${minutes} --seed ${seed}`);
const end = performance.now() + minutes * 60_000;
const world = await openChaosWorld(createChance(seed), 2);
const stop = (exitCode: number) => void world.close().finally(() => process.exit(exitCode));
process.once("SIGINT", () => stop(130));
process.once("SIGTERM", () => stop(143));
const sum = { rounds: 0, kills: 0, faults: 0, messages: 0, rows: 0, rejected: 0, lost: 0, doubled: 0 };
try {
  do {
    await world.emptyTable();
    const killed = await killLoop(world, { kills: 50, messages: 10_000, queues: 2 });
    await world.emptyTable();
    const samples: ProcessSample[] = [];
    const mixed = await mixedFaults(world, {
      messages: 5_000,
      databaseFaults: 22,
      minutes: Math.min(longestRoundMinutes, (end - performance.now()) / 60_000),
      onMended: (pid) => samples.push(sampleProcess(pid)),
    });
    const round = {
      kills: killed.kills,
      faults: mixed.faults,
      messages: killed.messages + mixed.messages,
      rows: killed.rows + mixed.rows,
      rejected: killed.rejected + mixed.rejected,
      lost: killed.lost + mixed.lost,
      doubled: killed.doubled + mixed.doubled,
    };
    sum.rounds += 1;
    for (const [name, value] of Object.entries(round)) sum[name as keyof typeof round] += value;
    printFigures(`round ${sum.rounds}`, round);
    printFigures(`round ${sum.rounds}, the process that follows`, growth(samples));
  } while (performance.now() < end);
  printFigures("all rounds", sum);
} finally {
  await world.close();
}
process.exitCode = sum.lost === 0 && sum.doubled === 0 ? 0 : 1;
