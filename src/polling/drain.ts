/**
 * A drain, and the ways to stop it. The order inside (`run.ts`) is the safety argument: a delivery reaches the deleter
 * only after the load that made its row durable has returned.
 */

import type { DrainEnd, DrainLimits, DrainParts } from "./drain-parts.ts";
import { Run } from "./run.ts";

/** How a run is asked to stop. */
export interface StopSignals {
  /** No further receive; what is in flight is settled. */
  readonly graceful: AbortSignal;
  /** Return at once; what is in flight is unsettled, and safe to receive again. */
  readonly forced: AbortSignal;
}

/**
 * Drains until the queue is empty, the limit is reached, a stop is asked for, or an error ends it. Never rejects.
 *
 * After a forced stop, or when the grace after a graceful one is over, calls may still be open: the caller closes the
 * adapters or ends the process.
 */
export async function drain(parts: DrainParts, limits: DrainLimits, stop: StopSignals): Promise<DrainEnd> {
  const over = new AbortController();
  const settled = new Run(parts, limits, stop.graceful).settle();
  const end = await Promise.race([settled, outOfTime(parts, limits, stop, over.signal)]);
  over.abort();
  if (end !== undefined) return end;
  return { outcome: "stopped", isForced: true };
}

/** Resolves when the run must not be waited for any longer. */
async function outOfTime(
  { clock }: DrainParts,
  { graceMillis }: DrainLimits,
  stop: StopSignals,
  over: AbortSignal,
): Promise<undefined> {
  await aborted(stop.graceful, AbortSignal.any([stop.forced, over]));
  await clock.sleep(graceMillis, AbortSignal.any([stop.forced, over]));
}

/** Resolves when either signal is aborted. */
function aborted(signal: AbortSignal, other: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    AbortSignal.any([signal, other]).addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted || other.aborted) resolve();
  });
}
