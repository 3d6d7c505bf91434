/** `scripts/simulate`: worlds by the hundred thousand, on every core; and what breaks, made small. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Mutation, mutations } from "../test/simulation/mutations.ts";

const usage = `usage: scripts/simulate [--seeds N] [--from SEED] [--trace SEED] [--hashes] [--mutation NAME | --mutations]
  --seeds      how many worlds; 10,000
  --from       the first seed; 1
  --trace      print what happens in one world; if it breaks a promise, in the smallest world that breaks one
  --hashes     print the hash of each world's trace
  --mutation   break the core on purpose, in the way of that name in test/simulation/mutations.ts
  --mutations  break it in each way in turn`;

/** Worlds that one worker runs before it reports. */
const shareSize = 100;

/** What a worker reports of its share. */
interface Share {
  readonly worlds: number;
  readonly steps: number;
  /** The first seed whose world broke a promise, and which. */
  readonly broken: readonly [seed: number, promise: string] | undefined;
}

const flags = readFlags();
const changed = mutations.find(({ name }) => name === flags.mutation);
if (flags.mutation !== undefined && changed === undefined) fail("no such mutation");
if (changed !== undefined) mutate(changed);
if (flags.worker) await work();
else if (flags.hashes) await showHashes();
else if (flags.trace !== undefined) await showTrace(Number(flags.trace));
else if (flags.mutations) for (const { name } of mutations) await runWorlds(name);
else await runWorlds(flags.mutation);

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: "string", default: "10000" },
        from: { type: "string", default: "1" },
        trace: { type: "string" },
        hashes: { type: "boolean", default: false },
        mutation: { type: "string" },
        mutations: { type: "boolean", default: false },
        worker: { type: "boolean", default: false },
      },
    });
    const [seeds, from] = [Number(values.seeds), Number(values.from)];
    if (!(Number.isSafeInteger(seeds) && seeds > 0 && Number.isSafeInteger(from)))
      fail("not a number of worlds");
    return { ...values, seeds, from };
  } catch {
    return fail("unknown argument");
  }
}

function fail(why: string): never {
  console.error(`error: ${why}\n${usage}`);
  process.exit(64);
}

/** Runs shares of worlds as they are asked for on standard input: a first and a last seed a line. */
async function work(): Promise<void> {
  const { planOf, runWorld } = await simulation();
  for await (const line of console) {
    const [first = 0, last = 0] = line.split(" ").map(Number);
    let [worlds, steps] = [0, 0];
    let broken: Share["broken"];
    for (let seed = first; seed <= last && broken === undefined; seed += 1) {
      const end = runWorld(planOf(seed));
      worlds += 1;
      steps += end.steps;
      if (end.broken !== undefined) broken = [seed, end.broken];
    }
    process.stdout.write(`${JSON.stringify({ worlds, steps, broken })}\n`);
  }
}

async function showHashes(): Promise<void> {
  const { planOf, runWorld } = await simulation();
  for (let seed = flags.from; seed < flags.from + flags.seeds; seed += 1)
    console.log(runWorld(planOf(seed)).hash);
}

/** Changes a file of the core as it is loaded, and not on the disk. */
function mutate({ file, find, replace }: Mutation): void {
  const path = join(import.meta.dirname, "../src", file);
  Bun.plugin({
    name: "mutation",
    setup(build) {
      build.onLoad({ filter: new RegExp(`${RegExp.escape(path)}$`) }, async () => {
        const text = await Bun.file(path).text();
        if (text.split(find).length !== 2) throw new Error(`${file} does not have it once: ${find}`);
        return { contents: text.replace(find, () => replace), loader: "ts" };
      });
    },
  });
}

/** Loaded late, for a mutation to be in it. */
async function simulation() {
  // Errors are made by the hundred thousand, and nobody reads where.
  Error.stackTraceLimit = 0;
  const [{ planOf }, { runWorld }] = await Promise.all([
    import("../test/simulation/plan.ts"),
    import("../test/simulation/world.ts"),
  ]);
  return { planOf, runWorld };
}

/** A process that runs shares, one after the other. */
function startWorker(mutation?: string) {
  const args = ["--worker", ...(mutation === undefined ? [] : ["--mutation", mutation])];
  const child = Bun.spawn([process.execPath, import.meta.path, ...args], { stdin: "pipe", stdout: "pipe" });
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return {
    async run(first: number, last: number): Promise<Share> {
      child.stdin.write(`${first} ${last}\n`);
      child.stdin.flush();
      while (!rest.includes("\n")) {
        const { value } = await lines.read();
        if (value === undefined) throw new Error("a worker ended");
        rest += value;
      }
      const [line = "", ...others] = rest.split("\n");
      rest = others.join("\n");
      return JSON.parse(line);
    },
    async end() {
      child.stdin.end();
      await child.exited;
    },
  };
}

async function runWorlds(mutation?: string): Promise<void> {
  const { from, seeds } = flags;
  const began = performance.now();
  const last = from + seeds - 1;
  let [next, worlds, steps] = [from, 0, 0];
  let broken: Share["broken"];
  const workers = Array.from({ length: availableParallelism() }, async () => {
    const worker = startWorker(mutation);
    while (next <= last && broken === undefined) {
      const first = next;
      next += shareSize;
      const share = await worker.run(first, Math.min(last, next - 1));
      worlds += share.worlds;
      steps += share.steps;
      broken ??= share.broken;
    }
    await worker.end();
  });
  await Promise.all(workers);
  const seconds = (performance.now() - began) / 1000;
  const count = (value: number) => Math.round(value).toLocaleString("en");
  if (mutation !== undefined) console.log(`if ${mutation}:`);
  console.log(
    `${count(worlds)} worlds in ${seconds.toFixed(1)} s: ${count(worlds / seconds)} a second, ${count(steps / worlds)} events each`,
  );
  if (broken === undefined) return;
  const [seed, promise] = broken;
  console.log(`seed ${seed} breaks a promise: ${promise}`);
  console.log(
    `try: scripts/simulate --trace ${seed}${mutation === undefined ? "" : ` --mutation '${mutation}'`}`,
  );
  process.exitCode = 1;
}

async function showTrace(seed: number): Promise<void> {
  const { planOf, runWorld } = await simulation();
  const { shrink } = await import("../test/simulation/shrink.ts");
  const plan = planOf(seed);
  const isBroken = runWorld(plan).broken !== undefined;
  const shown = isBroken ? shrink(plan) : plan;
  const { broken, trace = [] } = runWorld(shown, true);
  console.log(JSON.stringify(shown, undefined, 1));
  console.log(trace.join("\n"));
  if (broken !== undefined) process.exitCode = 1;
}
