/** Makes the data folder that the demo's Postgres starts from, so that no user waits for `initdb`. */

import crypto from "node:crypto";
import { PGlite } from "@electric-sql/pglite";

/** With the clock and the randomness of the folder fixed, the same version of PGlite makes the same bytes. */
const madeAt = Date.UTC(2026, 0, 1);

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts: [] | [number]) {
    super(parts[0] ?? madeAt);
  }
  static override now(): number {
    return madeAt;
  }
} as DateConstructor;
// What Postgres draws from it here guards password logins, which the demo's loopback server does not have.
crypto.randomFillSync = ((bytes: Uint8Array) => bytes.fill(1)) as typeof crypto.randomFillSync;

const [, , target] = process.argv;
if (target === undefined) throw new Error("usage: data-folder.ts FILE");

// Small WAL segments: 16 MB of them would have to be unpacked at every start.
const database = await PGlite.create({ initDbStartParams: ["--wal-segsize=1"] });
await database.exec("checkpoint");
const folder = await database.dumpDataDir("none");
await Bun.write(target, await Bun.zstdCompress(await folder.arrayBuffer(), { level: 19 }));
await database.close();
