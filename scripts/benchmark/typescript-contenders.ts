/** The rows of the table for what one would write without `etl`, under Node.js and under Bun. */

import { join } from "node:path";
import type { Contender, Place } from "./contender.ts";
import { testEnvironment } from "./environment.ts";

/** The runtimes; most who write such a consumer run it with Node.js. */
type Runtime = "node" | "bun";

/** One program in one situation, with so many messages that a run takes seconds. */
interface Situation {
  readonly program: "typescript-consumer" | "one-by-one";
  readonly consumers: number;
  readonly messages: number;
  readonly roundTripMillis: number;
}

const situations: Readonly<Record<string, Situation>> = {
  "sqs-consumer-1": situation("typescript-consumer", 1, 20_000, 0),
  "sqs-consumer-10": situation("typescript-consumer", 10, 50_000, 0),
  "sqs-consumer-32": situation("typescript-consumer", 32, 50_000, 0),
  "one-by-one": situation("one-by-one", 1, 5_000, 0),
  "sqs-consumer-1-20ms": situation("typescript-consumer", 1, 3_000, 20),
  "sqs-consumer-10-20ms": situation("typescript-consumer", 10, 50_000, 20),
  "sqs-consumer-32-20ms": situation("typescript-consumer", 32, 50_000, 20),
  "one-by-one-20ms": situation("one-by-one", 1, 300, 20),
};

function situation(
  program: Situation["program"],
  consumers: number,
  messages: number,
  roundTripMillis: number,
): Situation {
  return { program, consumers, messages, roundTripMillis };
}

/**
 * What is compared with; under Bun as well at 0 ms a call, and under Bun alone where there is no Node.js.
 *
 * @param folder where the bundles are made; Node.js reads no TypeScript
 */
export async function typescriptContenders(folder: string): Promise<Contender[]> {
  const node = Bun.which("node");
  const programs = { bun: process.execPath, ...(node === null ? {} : { node }) };
  const contenders: Contender[] = [];
  for (const [runtime, executable] of Object.entries(programs) as [Runtime, string][]) {
    const bundles = await bundle(runtime, join(folder, runtime));
    for (const [name, { program, consumers, messages, roundTripMillis }] of Object.entries(situations)) {
      if (runtime === "bun" && roundTripMillis > 0 && node !== null) continue;
      contenders.push({
        name: `${name}-${runtime}`,
        messages,
        roundTripMillis,
        filled: false,
        processes: 1,
        endsItself: false,
        parts: "all",
        command: (place: Place) => ({
          arguments: [executable, join(bundles, `${program}.js`)],
          env: { ...testEnvironment(place), BENCH_CONSUMERS: String(consumers) },
        }),
      });
    }
  }
  return contenders;
}

/** @returns the folder of the bundles */
async function bundle(target: Runtime, outdir: string): Promise<string> {
  const programs = ["typescript-consumer", "one-by-one"];
  const entrypoints = programs.map((name) => join(import.meta.dirname, `programs/${name}.ts`));
  await Bun.build({ entrypoints, target, outdir, format: "esm" });
  await Bun.write(join(outdir, "package.json"), '{ "type": "module" }');
  return outdir;
}
