/** Writes more to both standard streams than an unread pipe takes, and exits with 9 if it can still read a file. */

import { readFile } from "node:fs/promises";
import { openOutputs } from "../../../src/terminal/output.ts";

const { stdout, stderr } = openOutputs(process);
const tooMuch = "x".repeat(1_000_000);
void stdout.write(tooMuch);
void stderr.write(tooMuch);
// Both are under way when the event loop comes round.
await new Promise(setImmediate);
await readFile(import.meta.path);
process.exit(9);
