/**
 * A drain that does only some of its parts, to show what each costs: without `receive`, messages are taken that were
 * received before the clock was started; without `load` or `delete`, the work is just said to be done.
 */

import { openMasker } from "../../../src/commands/masker.ts";
import { openQueue } from "../../../src/commands/queue.ts";
import { systemClock, threadRunnableMillis } from "../../../src/commands/system-clock.ts";
import { openTable, readDatabaseSettings } from "../../../src/commands/table.ts";
import { compileMapping } from "../../../src/message/mapper.ts";
import type { Message } from "../../../src/message/message.ts";
import { startDrain } from "../../../src/polling/drain.ts";
import type { Source } from "../../../src/polling/ports.ts";
import { columnLimits } from "../../../src/postgres/catalog.ts";
import { openDatabase } from "../../../src/postgres/connect.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { createPostgresLoader } from "../../../src/postgres/loader.ts";
import type { Loader } from "../../../src/processing/outcome.ts";
import { createProcessor } from "../../../src/processing/processor.ts";
import { loadSettings } from "../../../src/settings/settings.ts";
import { readTextFile } from "../../../src/settings/text-file.ts";
import type { DrainPart, PartFigures } from "../contenders.ts";

const parts = (process.env.BENCH_PARTS ?? "").split(",") as DrainPart[];
const maxMessages = Number(process.env.BENCH_MESSAGES);
/** Receives at one time, before the clock is started. */
const receivers = 16;
const never = new AbortController().signal;

const silent = {
  info() {},
  warn() {},
  configure() {},
  status() {},
  isBehind: () => false,
  flush: async () => {},
};
const context = {
  env: process.env,
  stdout: noOutput(),
  stderr: noOutput(),
  log: silent,
  keyboard: () => undefined,
  onStopSignal: () => () => {},
};
const settings = loadSettings({ flags: {}, env: process.env, readFile: readTextFile });
const database = openDatabase(readDatabaseSettings(settings, context));
const { source: queue } = openQueue(settings.queue, context);
const table = await openTable(database, settings, context);
const attributes = await queue.attributes();
const queueId = await registerQueue(database, table, attributes, table);
const { mapping } = settings.table;
const loader: Loader = parts.includes("load")
  ? createPostgresLoader(database, { table, mapping, ledger: table, queueId })
  : { load: async (batch) => batch.map(() => ({ kind: "stored", rows: 1 })) };
const mapMessage = compileMapping(mapping, {
  masker: openMasker(settings, context),
  limits: columnLimits(table),
  body: settings.queue.body,
  now: Date.now,
});

const received = parts.includes("receive") ? undefined : await receiveAll();
const source: Source = {
  receive: received === undefined ? (options) => queue.receive(options) : async () => received.pop() ?? [],
  delete: parts.includes("delete")
    ? (handles) => queue.delete(handles)
    : async ({ length }) => ({ settled: length, failed: 0 }),
  changeVisibility: (changes) => queue.changeVisibility(changes),
  attributes: () => queue.attributes(),
  get requests() {
    return queue.requests;
  },
};
const startedMillis = performance.now();
const cpuBefore = process.cpuUsage();
const drain = startDrain(
  {
    ...{ source, clock: systemClock, runnableMillis: threadRunnableMillis, random: Math.random },
    processor: (retry) => createProcessor({ mapMessage, loader, retry }),
    onEvent() {},
  },
  {
    maxMessages,
    batchSize: settings.drain.batchSize,
    waitSeconds: 1,
    visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
    follow: false,
    giveUpAfterMillis: 0,
    graceMillis: 0,
  },
  { graceful: never, forced: never },
);
const { outcome } = await drain.ended;
const { user, system } = process.cpuUsage(cpuBefore);
const figures: PartFigures = { cpuMicros: user + system, millis: performance.now() - startedMillis };
if (outcome !== "limit" || drain.counts.inserted !== maxMessages)
  throw new Error(`the drain ended with ${outcome}`);
console.log(JSON.stringify(figures));
process.exit(0);

/** The whole queue, in answers of ten. */
async function receiveAll(): Promise<(readonly Message[])[]> {
  const answers: (readonly Message[])[] = [];
  let count = 0;
  const receiver = async () => {
    while (count < maxMessages) {
      const messages = await queue.receive({ maxMessages: 10, waitSeconds: 0, signal: never });
      if (messages.length === 0) return;
      count += messages.length;
      answers.push(messages);
    }
  };
  await Promise.all(Array.from({ length: receivers }, receiver));
  Bun.gc(true);
  return answers.reverse();
}

function noOutput() {
  return {
    ...{ isTerminal: false, columns: 80, rows: 24, colours: false, place: "none", closed: false, backlog: 0 },
    ...{ stuck: false, abandoned: false, write: async () => {}, abandon() {} },
  };
}
