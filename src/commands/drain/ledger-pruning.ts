/** Prunes the ledger beside a drain: on a connection of its own, now and then, and never in the drain's way. */

import { EtlError } from "../../errors.ts";
import type { Clock, Source } from "../../polling/ports.ts";
import type { Database } from "../../postgres/connect.ts";
import { keepSecondsOf, type LedgerHome } from "../../postgres/ledger.ts";
import { pruneLedger, pruneRecords } from "../../postgres/prune.ts";
import { formatCount } from "../../text/counts.ts";
import type { Context } from "../context.ts";

/** Soon after the start, but not at it: the first rows come first. */
const firstPauseMillis = 1_000;

/** And then so often. */
const pauseMillis = 60 * 60_000;

/** What is pruned, and for which queue. */
export interface PruningParts {
  /** Not the drain's: its transactions stand in line. */
  readonly database: Database;
  readonly home: LedgerHome;
  readonly queueId: number;
  /** Its retention is read each time: it can be changed while a drain runs. */
  readonly source: Pick<Source, "attributes">;
  readonly clock: Clock;
  readonly log: Context["log"];
}

/** Prunes until the signal is aborted. Never rejects: a ledger that is too large costs space, and no run. */
export async function keepLedgerPruned(parts: PruningParts, signal: AbortSignal): Promise<void> {
  const { database, home, queueId, source, clock, log } = parts;
  let warned = false;
  await clock.sleep(firstPauseMillis, signal);
  while (!signal.aborted) {
    try {
      const keepSeconds = keepSecondsOf((await source.attributes()).retentionSeconds);
      const pruned = await pruneLedger(database, home, { queueId, keepSeconds }, signal);
      if (pruned > 0)
        log.info(`pruned ${formatCount(pruned)} ledger entries, older than the queue keeps messages`);
      await pruneRecords(database, home, { queueId, keepSeconds }, signal);
    } catch (error) {
      // What passes is tried again after the pause. The drain itself tells of a database that is gone.
      if (error instanceof EtlError && !error.retryable && !signal.aborted && !warned) {
        warned = true;
        const hint = error.hint === undefined ? "" : `; try: ${error.hint}`;
        log.warn(`the ledger is not pruned: ${error.message}${hint}`);
      }
    }
    await clock.sleep(pauseMillis, signal);
  }
}
