/** A drain between a queue and a table in memory, for the tests of its loop. */

import { expect } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { Rejection } from "../../src/message/rejection.ts";
import { drain } from "../../src/polling/drain.ts";
import type { DrainLimits } from "../../src/polling/drain-parts.ts";
import { Tally } from "../../src/polling/tally.ts";
import { type Journal, MemoryQueue, MemoryTable, mapBody, SkippingClock } from "./memory-ports.ts";

/** Limits that no test of something else meets. */
export const limits: DrainLimits = {
  batchSize: 100,
  receivers: 4,
  waitSeconds: 5,
  visibilityTimeoutSeconds: 30,
  maxInFlight: 1000,
  giveUpAfterMillis: 300_000,
  graceMillis: 20_000,
  follow: false,
};

/** A drain in memory, and everything that it was told and did. */
export function drainWorld(bodies: readonly string[]) {
  const journal: Journal = [];
  const queue = new MemoryQueue(bodies, journal);
  const table = new MemoryTable(journal);
  const clock = new SkippingClock();
  const tally = new Tally();
  const graceful = new AbortController();
  const forced = new AbortController();
  const rejections: Rejection[] = [];
  const troubles: string[] = [];
  const recoveries: string[] = [];
  let undeleted = 0;
  return {
    journal,
    queue,
    table,
    clock,
    tally,
    graceful,
    forced,
    rejections,
    troubles,
    recoveries,
    undeleted: () => undeleted,
    run: (changes: Partial<DrainLimits> = {}) =>
      drain(
        {
          source: queue,
          sink: table,
          clock,
          runnableMillis: () => 0,
          random: () => 0.5,
          mapMessage: mapBody,
          tally,
          observer: {
            rejected: (rejection) => rejections.push(rejection),
            trouble: (error) => troubles.push(error.operation),
            recovered: (operation) => recoveries.push(operation),
            undeleted: (count) => {
              undeleted += count;
            },
            uncopied() {},
          },
        },
        { ...limits, ...changes },
        { graceful: graceful.signal, forced: forced.signal },
      ),
  };
}

/** The law of the receipt. */
export function expectToAddUp(tally: Tally): void {
  expect(tally.received).toBe(
    tally.inserted + tally.duplicates + tally.rejected + tally.released + tally.unsettled,
  );
  expect([...tally.reasons.values()].reduce((sum, count) => sum + count, 0)).toBe(tally.rejected);
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
