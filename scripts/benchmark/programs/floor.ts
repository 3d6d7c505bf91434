/**
 * A drain that does only some of its parts, to show what each costs: without `receive`, messages are taken that were
 * received before the clock was started; without `load` or `delete`, the work is just said to be done.
 */

import { openMasker } from "../../../src/commands/masker.ts";
import { openQueue } from "../../../src/commands/queue.ts";
import { systemClock } from "../../../src/commands/system-clock.ts";
import { openTable, readDatabaseSettings } from "../../../src/commands/table.ts";
import { threadRunnableMillis } from "../../../src/commands/thread-time.ts";
import { compileMapping } from "../../../src/message/mapper.ts";
import type { Message } from "../../../src/message/message.ts";
import { drain } from "../../../src/polling/drain.ts";
import type { Source } from "../../../src/polling/ports.ts";
import { Tally } from "../../../src/polling/tally.ts";
import { columnLimits } from "../../../src/postgres/catalog.ts";
import { openDatabase } from "../../../src/postgres/connect.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { createPostgresSink } from "../../../src/postgres/sink.ts";
import { loadSettings } from "../../../src/settings/settings.ts";
import { readTextFile } from "../../../src/settings/text-file.ts";
import type { DrainPart, PartFigures } from "../contender.ts";

const parts = (process.env.BENCH_PARTS ?? "").split(",") as DrainPart[];
const maxMessages = Number(process.env.BENCH_MESSAGES);
/** Receives at one time, before the clock is started. */
const receivers = 16;
const never = new AbortController().signal;

const silent = { info() {}, warn() {}, configure() {}, status() {}, flush: async () => {} };
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
const queueId = await registerQueue(database, table, attributes.arn, table);
const { mapping } = settings.table;
const sink = createPostgresSink(database, { table, mapping, queueId });

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
const tally = new Tally();
const startedMillis = performance.now();
const cpuBefore = process.cpuUsage();
const { outcome } = await drain(
  {
    source,
    sink: parts.includes("load")
      ? sink
      : { load: async ({ length }) => ({ inserted: length, duplicates: 0, leftOut: 0, rejections: [] }) },
    clock: systemClock,
    runnableMillis: threadRunnableMillis,
    random: Math.random,
    mapMessage: compileMapping(mapping, {
      masker: openMasker(settings, context),
      limits: columnLimits(table),
      body: settings.queue.body,
      now: Date.now,
    }),
    tally,
    observer: { rejected() {}, trouble() {}, recovered() {}, undeleted() {}, uncopied() {} },
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
const { user, system } = process.cpuUsage(cpuBefore);
const figures: PartFigures = { cpuMicros: user + system, millis: performance.now() - startedMillis };
if (outcome !== "limit" || tally.inserted !== maxMessages) throw new Error(`the drain ended with ${outcome}`);
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
  return { isTerminal: false, columns: 80, rows: 24, colours: false, closed: false, write: async () => {} };
}
