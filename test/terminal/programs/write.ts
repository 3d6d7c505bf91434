/**
 * Writes to standard output as the program does, for tests with real pipes.
 *
 *     write.ts SIZE COUNT [together]   COUNT texts of SIZE bytes, each beginning with its number,
 *                                      each when the one before is done, or all of them together
 *
 * Reports on standard error, as JSON lines: how many writes are done, every 20 ms; at the end how it went.
 * After a failed write standard output becomes a sink that takes everything.
 */

import { closeSync, openSync, writeSync } from "node:fs";
import { EtlError } from "../../../src/errors.ts";
import { openOutputs } from "../../../src/terminal/output.ts";

const [size, count] = process.argv.slice(2, 4).map(Number) as [number, number];
const together = process.argv[4] === "together";
// Written past the outputs under test: a report must come out while standard output is stalled.
const report = (what: object) => writeSync(2, `${JSON.stringify(what)}\n`);

for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (error) => report({ event, error: String(error) }));
}

const { stdout } = openOutputs(process);
let done = 0;
const errors: unknown[] = [];
const heartbeat = setInterval(() => report({ done }), 20);

async function write(number: number): Promise<void> {
  try {
    await stdout.write(`${number} `.padEnd(size - 1, "x").concat("\n"));
    done += 1;
  } catch (error) {
    errors.push(error instanceof EtlError ? `${error.kind} ${error.code} ${error.message}` : String(error));
    // From here on there is room: the lowest free descriptor is the one just closed.
    closeSync(1);
    openSync("/dev/null", "w");
  }
}

const numbers = Array.from({ length: count }, (_, number) => number);
if (together) await Promise.all(numbers.map(write));
else for (const number of numbers) await write(number);
clearInterval(heartbeat);
report({ end: true, done, closed: stdout.closed, errors });
process.exitCode = 7;
