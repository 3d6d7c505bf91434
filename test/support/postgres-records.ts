/** Runs as they are recorded, for tests that look at records. */

import type { RunRecord } from "../../src/postgres/records.ts";

/** A run whose receipt adds up. */
export function runRecord(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    runId: crypto.randomUUID(),
    outcome: "drained",
    seconds: 12,
    received: 21,
    inserted: 10,
    duplicates: 3,
    rejected: 3,
    released: 4,
    unsettled: 1,
    deleted: 13,
    requests: 17,
    rejections: { field_missing: 3 },
    ...{ mapped: 0, absent: {}, unmapped: {} },
    version: "0.1.0",
    ...changes,
  };
}
