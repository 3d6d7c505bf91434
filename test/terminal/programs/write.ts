/**
 * Writes to standard output as the program does, for tests with real pipes.
 *
 *     write.ts SIZE COUNT   COUNT texts of SIZE bytes, each beginning with its number
 *
 * After a failed write standard output becomes a sink that takes everything. Reports on standard error, as JSON lines: how many writes are done, every 20 ms; at the end how it went.
 */

import { closeSync, openSync, writeSync } from "node:fs";
import { EtlError } from "../../../src/errors.ts";
import { openOutputs } from "../../../src/terminal/stream-output.ts";

const [size, count] = process.argv.slice(2).map(Number) as [number, number];
// Written past the outputs under test: a report must come out while standard output is stalled.
const report = (what: object) => writeSync(2, `${JSON.stringify(what)}\n`);

for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (error) => report({ event, error: String(error) }));
}

const { stdout } = openOutputs(process);
let done = 0;
const errors: unknown[] = [];
const heartbeat = setInterval(() => report({ done }), 20);
for (let number = 0; number < count; number++) {
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
clearInterval(heartbeat);
report({ end: true, done, closed: stdout.closed, errors });
process.exitCode = 7;
