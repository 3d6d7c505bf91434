/** The runs of `scripts/bench`: all contenders in turn, round after round, and the tables at the end. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { etlContenders, floorContenders, typescriptContenders } from "./benchmark/contenders.ts";
import { type BenchDatabase, startBenchServer } from "./benchmark/database.ts";
import { machineLine, resultTable } from "./benchmark/figures.ts";
import { fail, readFlags } from "./benchmark/flags.ts";
import { idleTable, startUpTable } from "./benchmark/idle.ts";
import { type Measurement, measure } from "./benchmark/measurement.ts";
import { partsTable } from "./benchmark/parts.ts";
import { killChildren } from "./benchmark/processes.ts";
import { startQueueProcess } from "./benchmark/queue-server.ts";

const [parts, startUp, waiting] = ["parts", "start-up", "waiting"];
const others = [parts, startUp, waiting];
const { runs: rounds, messages, executables, wants } = readFlags(process.argv.slice(2));

const folder = mkdtempSync(join(tmpdir(), "etl-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const contenders = [
  ...etlContenders(executables, messages),
  ...(await typescriptContenders(folder)),
  ...floorContenders(folder),
];
const results = contenders
  .filter(({ name }) => wants(name))
  .map((contender) => ({ contender, runs: [] as Measurement[] }));
if (results.length === 0 && !others.some(wants)) {
  fail(`--only takes ${[...contenders.map(({ name }) => name), ...others].join(", ")}`);
}

const [queue, server] = await Promise.all([startQueueProcess(), startBenchServer()]);
const databases: { empty?: BenchDatabase; filled?: BenchDatabase } = {};
let stopping = false;
async function close(): Promise<void> {
  stopping = true;
  await killChildren();
  await Promise.all([queue.stop(), server.stop()]);
}
function stopOn(signal: NodeJS.Signals, exitCode: number): void {
  process.once(signal, () => void close().finally(() => process.exit(exitCode)));
}
stopOn("SIGINT", 130);
stopOn("SIGTERM", 143);

async function databaseFor(filled: boolean): Promise<BenchDatabase> {
  if (!filled) {
    databases.empty ??= await server.openEmpty();
    return databases.empty;
  }
  if (databases.filled === undefined) {
    console.error("filling a table with ten million rows");
    databases.filled = await server.openFilled();
  }
  return databases.filled;
}

async function runContenders(): Promise<void> {
  let run = 0;
  for (let round = 1; round <= rounds; round += 1) {
    for (const { contender, runs } of results) {
      const database = await databaseFor(contender.filled);
      run += 1;
      const measured = await measure(contender, { queue, database, serverPid: server.pid, run });
      runs.push(measured);
      const speed = Math.round(measured.messagesPerSecond);
      console.error(
        `round ${round}: ${contender.name}: ${speed}/s, ${measured.cpuMicros.toFixed(1)} µs a message`,
      );
    }
  }
  if (results.length > 0) console.log(`\n${resultTable(results)}`);
}

async function runWaiting(): Promise<void> {
  const { url: databaseUrl } = await databaseFor(false);
  await queue.fill({
    count: 0,
    run: 0,
    sentUntilMillis: 0,
    roundTripMillis: 0,
    visibilityTimeoutSeconds: 30,
    emptyPollMillis: 20_000,
  });
  const place = { queueUrl: queue.queueUrl, databaseUrl, messages: 0 };
  const table = await idleTable(executables, place, rounds, folder);
  if (table !== undefined) console.log(`\n${table}`);
}

try {
  console.log(`${machineLine(server.version)}; ${rounds} runs, median (least–most)`);
  await runContenders();
  if (wants(parts)) console.log(`\n${await partsTable(rounds)}`);
  if (wants(startUp)) console.log(`\n${await startUpTable(executables, folder)}`);
  if (wants(waiting)) await runWaiting();
  await Promise.all([databases.empty?.drop(), databases.filled?.drop()]);
  await close();
} catch (error) {
  // What was ended for a stop has failed for it, and the stop goes on.
  if (!stopping) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    await close();
    process.exitCode = 1;
  }
}
