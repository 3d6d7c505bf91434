/** What is compared: programs, each with the queue and the table that it is given. */

import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userLogins } from "../../src/message/mapping.ts";
import { writeColumn } from "../../src/settings/column-mapping.ts";
import { settingsToml } from "../../src/settings/settings-toml.ts";
import type { Command } from "./processes.ts";

/** What a contender is told. */
export interface Place {
  readonly queueUrl: string;
  readonly databaseUrl: string;
  /** How many messages are in the queue. */
  readonly messages: number;
}

/** A part of a drain that can be replaced by nothing. */
export type DrainPart = "receive" | "load" | "delete";

/** One row of the table. */
export interface Contender {
  /** As `--only` takes it. */
  readonly name: string;
  readonly messages: number;
  /** Added to every call to the queue. */
  readonly roundTripMillis: number;
  /** Between it and the database, through a proxy; undefined if it connects to the database itself. */
  readonly databaseRoundTripMillis?: number;
  /** Whether ten million rows and ledger entries are there already. */
  readonly filled: boolean;
  /** How many processes share the queue. */
  readonly processes: number;
  /** Whether it ends by itself when the queue is empty; others are sent SIGTERM when all messages are deleted. */
  readonly endsItself: boolean;
  /** What it does; one that does not do all prints its own figures, as {@link PartFigures}. */
  readonly parts: "all" | readonly DrainPart[];
  command(place: Place): Command;
}

/** What a contender that does only some parts prints, as JSON. */
export interface PartFigures {
  /** User and system, of the drain alone. */
  readonly cpuMicros: number;
  readonly millis: number;
}

/** How a row differs from the others. */
type Situation = Partial<Contender>;

const usual = {
  messages: 100_000,
  roundTripMillis: 0,
  filled: false,
  processes: 1,
  endsItself: true,
  parts: "all",
} as const;

const etlSituations: Readonly<Record<string, Situation>> = {
  "100k": {},
  "100k-20ms": { roundTripMillis: 20 },
  "1m": { messages: 1_000_000 },
  "1m-20ms": { messages: 1_000_000, roundTripMillis: 20 },
  "100k-filled": { filled: true },
  "100k-2-processes": { processes: 2 },
  "100k-20ms-2-processes": { roundTripMillis: 20, processes: 2 },
  // Through the proxy as well: what it takes of the machine is then taken from all of these rows.
  "db-0ms": { databaseRoundTripMillis: 0 },
  "db-2ms": { databaseRoundTripMillis: 2 },
  "db-10ms": { databaseRoundTripMillis: 10 },
  "db-30ms": { databaseRoundTripMillis: 30 },
};

/**
 * `etl drain`, with no flag that has to do with speed.
 *
 * @param executables more than one if builds are compared
 * @param messages in place of each situation's own number
 */
export function etlContenders(executables: readonly string[], messages?: number): Contender[] {
  return Object.entries(etlSituations).flatMap(([situation, differences]) =>
    executables.map((executable, build) => ({
      ...usual,
      name: `etl-${situation}${executables.length > 1 ? `#${build + 1}` : ""}`,
      ...differences,
      ...(messages === undefined ? {} : { messages }),
      command: (place: Place) => ({
        arguments: [executable, "drain", "--json", "--quiet"],
        env: testEnvironment(place),
      }),
    })),
  );
}

/** With so many messages that a run takes seconds. */
const typescriptSituations: Readonly<Record<string, Situation & { readonly consumers?: number }>> = {
  "sqs-consumer-1": { consumers: 1, messages: 20_000 },
  "sqs-consumer-10": { consumers: 10, messages: 50_000 },
  "sqs-consumer-32": { consumers: 32, messages: 50_000 },
  "one-by-one": { messages: 5_000 },
  "sqs-consumer-1-20ms": { consumers: 1, messages: 3_000, roundTripMillis: 20 },
  "sqs-consumer-10-20ms": { consumers: 10, messages: 50_000, roundTripMillis: 20 },
  "sqs-consumer-32-20ms": { consumers: 32, messages: 50_000, roundTripMillis: 20 },
  "one-by-one-20ms": { messages: 300, roundTripMillis: 20 },
};

/**
 * What one would write without `etl`: under Node.js, and under Bun as well at 0 ms a call. Under Bun alone if there is no Node.js.
 *
 * @param folder where the bundles are made; Node.js reads no TypeScript
 */
export async function typescriptContenders(folder: string): Promise<Contender[]> {
  const node = Bun.which("node");
  const contenders: Contender[] = [];
  for (const [runtime, executable] of [["bun", process.execPath] as const, ["node", node] as const]) {
    if (executable === null) continue;
    const bundles = await bundle(runtime, join(folder, runtime));
    for (const [name, { consumers, ...differences }] of Object.entries(typescriptSituations)) {
      if (runtime === "bun" && differences.roundTripMillis !== undefined && node !== null) continue;
      const program = consumers === undefined ? "one-by-one" : "typescript-consumer";
      contenders.push({
        ...usual,
        name: `${name}-${runtime}`,
        endsItself: false,
        ...differences,
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
async function bundle(target: "node" | "bun", outdir: string): Promise<string> {
  const programs = ["typescript-consumer", "one-by-one"];
  const entrypoints = programs.map((name) => join(import.meta.dirname, `programs/${name}.ts`));
  await Bun.build({ entrypoints, target, outdir, format: "esm" });
  await Bun.write(join(outdir, "package.json"), '{ "type": "module" }');
  return outdir;
}

/** The same as `floor-none`, with the columns of the preset written down in an `etl.toml`. */
const mappedName = "floor-none-mapped";

const floorParts: Readonly<Record<string, readonly DrainPart[]>> = {
  "floor-with-all": ["receive", "load", "delete"],
  "floor-no-receive": ["load", "delete"],
  "floor-no-load": ["receive", "delete"],
  "floor-no-delete": ["receive", "load"],
  "floor-none": [],
  [mappedName]: [],
};

/**
 * Where the time goes: the drain without one part or the other, from its source and without the command around it.
 *
 * @param folder where the `etl.toml` is made
 */
export function floorContenders(folder: string): Contender[] {
  const config = join(folder, "etl.toml");
  const columns = userLogins.columns.map(writeColumn);
  writeFileSync(config, settingsToml({ table: { name: "user_logins", columns } }));
  return Object.entries(floorParts).map(([name, parts]) => ({
    ...usual,
    name,
    parts,
    command: (place: Place) => ({
      arguments: [process.execPath, join(import.meta.dirname, "programs/floor.ts")],
      env: {
        ...testEnvironment(place),
        BENCH_PARTS: parts.join(","),
        ...(name === mappedName ? { ETL_CONFIG: config } : {}),
      },
    }),
  }));
}

const maskKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64");

/** @returns the whole environment: the same queue, table and key for all, and nothing of this machine's */
export function testEnvironment({ queueUrl, databaseUrl, messages }: Place): Command["env"] {
  return {
    PATH: "/usr/bin:/bin",
    HOME: tmpdir(),
    AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
    AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    AWS_REGION: "us-east-1",
    ETL_QUEUE_URL: queueUrl,
    DATABASE_URL: databaseUrl,
    ETL_MASK_KEY: maskKey,
    BENCH_MESSAGES: String(messages),
  };
}
