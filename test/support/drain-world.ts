/** A drain between a queue and a table in memory, for the tests of its loop. */

import { expect } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { Rejection } from "../../src/message/message.ts";
import { type Drain, type DrainEnd, type DrainLimits, startDrain } from "../../src/polling/drain.ts";
import type { DrainEvent } from "../../src/polling/events.ts";
import type { DeadLetter, DeadLetterQueue, Source } from "../../src/polling/ports.ts";
import type { Counts } from "../../src/polling/receipt.ts";
import { createProcessor } from "../../src/processing/processor.ts";
import { type Journal, MemoryQueue, MemoryTable, mapBody, SkippingClock } from "./memory-ports.ts";

/** Limits that no test of something else meets. */
export const limits: DrainLimits = {
  batchSize: 100,
  receivers: 4,
  // Longer than a pause that the clock skips: open polls are answered, and not cut off.
  waitSeconds: 20,
  visibilityTimeoutSeconds: 30,
  maxInFlight: 1000,
  giveUpAfterMillis: 300_000,
  graceMillis: 20_000,
  follow: false,
};

/** A dead-letter queue that accepts every copy. */
export function acceptingDeadLetters(letters: DeadLetter[], journal: Journal = []): DeadLetterQueue {
  return {
    async send(sent) {
      letters.push(...sent);
      journal.push({ event: "copy", ids: sent.map(({ message }) => message.messageId) });
      return new Set(sent.keys());
    },
  };
}

/** A drain of any queue into a table in memory, and everything that it was told and did. */
export function worldOf<Queue extends Source>(
  queue: Queue,
  {
    journal = [],
    table = new MemoryTable(journal),
    deadLetters,
    random = () => 0.5,
    clock = new SkippingClock(),
    ledger,
  }: WorldOptions = {},
) {
  const graceful = new AbortController();
  const forced = new AbortController();
  const events: DrainEvent[] = [];
  let drain: Drain | undefined;
  const all = <Type extends DrainEvent["type"]>(type: Type) =>
    events.filter((event): event is Extract<DrainEvent, { type: Type }> => event.type === type);
  return {
    ...{ journal, queue, table, clock, graceful, forced, events },
    get rejections(): Rejection[] {
      return all("rejected").flatMap(({ messages }) => messages.map(({ rejection }) => rejection));
    },
    get troubles(): string[] {
      return all("trouble").map(({ error }) => error.operation);
    },
    get recoveries(): string[] {
      return all("recovered").map(({ operation }) => operation);
    },
    undeleted: () => all("deleted").reduce((sum, { failed }) => sum + failed, 0),
    /** What has become of everything; nothing before the first run. */
    get counts(): Counts {
      return drain?.counts ?? nothing;
    },
    get open(): number {
      return drain?.open ?? 0;
    },
    get hidden(): number {
      return drain?.hidden ?? 0;
    },
    /** What was told of stored messages that are not deleted: how many, and 0 when it was over. */
    get toldUndeleted(): number[] {
      return all("undeleted").map(({ messages }) => messages);
    },
    run(changes: Partial<DrainLimits> = {}): Promise<DrainEnd> {
      drain = startDrain(
        {
          ...{ source: queue, deadLetters, clock, random },
          areStored: async (messages) => {
            await ledger?.();
            return messages.map(({ messageId }) => table.rows.has(messageId));
          },
          processor: (retry) => createProcessor({ mapMessage: mapBody, loader: table, retry }),
          runnableMillis: () => 0,
          onEvent: (event) => events.push(event),
        },
        { ...limits, ...changes },
        { graceful: graceful.signal, forced: forced.signal },
      );
      return drain.ended;
    },
  };
}

const nothing: Counts = {
  ...{ received: 0, inserted: 0, rows: 0, duplicates: 0, rejected: 0, released: 0, unsettled: 0, deleted: 0 },
  rejections: {},
};

/** What a world is made of beside its queue. */
export interface WorldOptions {
  readonly journal?: Journal;
  readonly table?: MemoryTable;
  readonly deadLetters?: DeadLetterQueue | undefined;
  readonly random?: () => number;
  /** Called when the ledger is asked; may throw. */
  readonly ledger?: () => void | Promise<void>;
  /** @defaultValue one that skips pauses of up to 10 s */
  readonly clock?: SkippingClock;
}

/** A drain in memory of messages with these bodies. */
export function drainWorld(bodies: readonly string[], options: Omit<WorldOptions, "journal"> = {}) {
  const journal: Journal = [];
  return worldOf(new MemoryQueue(bodies, journal), { ...options, journal });
}

/** The law of the receipt. */
export function expectToAddUp(counts: Counts): void {
  expect(counts.received).toBe(
    counts.inserted + counts.duplicates + counts.rejected + counts.released + counts.unsettled,
  );
  expect(Object.values(counts.rejections).reduce((sum, count) => sum + count, 0)).toBe(counts.rejected);
}

/** No delete of a message without a commit that holds it before. */
export function expectDeletesAfterCommits(journal: Journal): void {
  const committed = new Set<string>();
  for (const { event, ids } of journal) {
    if (event === "commit") for (const id of ids) committed.add(id);
    if (event === "delete") for (const id of ids) expect(committed).toContain(id);
  }
}

/** A failure that may pass. */
export const passing = (operation: string, code?: string) =>
  new EtlError({ kind: "unavailable", operation, message: "not now", retryable: true, code });
/** A failure that will not pass. */
export const lasting = (operation: string) =>
  new EtlError({ kind: "permission", operation, message: "never", retryable: false });
/** Bodies of so many good messages. */
export const bodies = (count: number) => Array.from({ length: count }, (_, index) => `row ${index}`);
