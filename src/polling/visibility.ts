/** Keeps deliveries invisible to others for as long as this run is at work on them. */

import { EtlError } from "../errors.ts";
import { batchEntries } from "./batch-sender.ts";
import type { Delivery } from "./delivery.ts";
import type { OnDrainEvent } from "./events.ts";
import type { Clock, Source } from "./ports.ts";

/**
 * The longest that SQS keeps a delivery invisible, counted from its receive.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
 */
const longestVisibilitySeconds = 12 * 60 * 60;

/** Calls at one time while they work. While they fail it is one, to see whether they work again. */
const callsAtOnce = 32;

const firstPauseMillis = 100;
const longestPauseMillis = 10_000;

/**
 * Changes of visibility whose failure is told when it begins, and when it is over. Whoever calls goes on without them: what
 * could not be hidden for longer comes again, and what could not be given back comes after its timeout.
 */
export function toldVisibility(
  source: Pick<Source, "changeVisibility">,
  onEvent: OnDrainEvent,
): Pick<Source, "changeVisibility"> {
  let failing: EtlError | undefined;
  return {
    async changeVisibility(changes) {
      const before = failing;
      try {
        const result = await source.changeVisibility(changes);
        // A call that began before the failure proves nothing.
        if (failing !== undefined && failing === before) {
          onEvent({ type: "recovered", operation: failing.operation });
          failing = undefined;
        }
        return result;
      } catch (error) {
        if (error instanceof EtlError && failing === undefined) {
          failing = error;
          onEvent({ type: "trouble", error });
        }
        throw error;
      }
    },
  };
}

/** What the keeper needs. */
export interface VisibilityParts {
  readonly source: Pick<Source, "changeVisibility">;
  readonly clock: Clock;
  readonly visibilityTimeoutSeconds: number;
  /** What is to stay invisible. All wait equally long, so the order of insertion is the order in which they are due. */
  readonly inFlight: Set<Delivery>;
}

/** Extends the visibility timeout of deliveries when half of it has passed, again and again, until the signal is aborted. */
export async function keepInvisible(parts: VisibilityParts, signal: AbortSignal): Promise<void> {
  const { clock, inFlight, visibilityTimeoutSeconds } = parts;
  const halfMillis = visibilityTimeoutSeconds * 500;
  let failures = 0;
  // Messages of a queue without a timeout stay visible, whatever is done.
  while (visibilityTimeoutSeconds > 0 && !signal.aborted) {
    await clock.sleep(pauseMillis(parts, halfMillis, failures), signal);
    if (signal.aborted) return;
    // If a call fails, its deliveries stay due, and all others wait until one works again: a queue that is cut off is not
    // to be called for thousands of deliveries, over and over.
    const due = dueDeliveries(parts, halfMillis, failures > 0 ? batchEntries : callsAtOnce * batchEntries);
    const calls: Promise<boolean>[] = [];
    for (let start = 0; start < due.length; start += batchEntries)
      calls.push(extend(parts, due.slice(start, start + batchEntries)));
    const worked = await Promise.all(calls);
    if (worked.length > 0) failures = worked.some((works) => works) ? 0 : failures + 1;
    else if (inFlight.size === 0) failures = 0;
  }
}

function pauseMillis({ clock, inFlight }: VisibilityParts, halfMillis: number, failures: number): number {
  if (failures > 0) {
    const pause = firstPauseMillis * 2 ** Math.min(failures - 1, 10);
    return Math.min(pause, longestPauseMillis, halfMillis / 2);
  }
  const [first] = inFlight;
  if (first === undefined) return halfMillis;
  return Math.max(0, first.hiddenAtMillis + halfMillis - clock.monotonicMillis());
}

/** The deliveries that are due, each with its new timeout; lets go of what can be held no longer. */
function dueDeliveries(
  { clock, inFlight, visibilityTimeoutSeconds }: VisibilityParts,
  halfMillis: number,
  most: number,
): (readonly [Delivery, timeoutSeconds: number])[] {
  const now = clock.monotonicMillis();
  const due: (readonly [Delivery, number])[] = [];
  for (const delivery of inFlight) {
    const { receivedAtMillis, hiddenAtMillis } = delivery;
    if (hiddenAtMillis + halfMillis > now || due.length === most) break;
    const leftSeconds = longestVisibilitySeconds - Math.ceil((now - receivedAtMillis) / 1000) - 1;
    // What has been visible again for a while cannot be hidden any more: it comes again, and is recognised.
    if (leftSeconds <= 0 || now > hiddenAtMillis + 3 * halfMillis) inFlight.delete(delivery);
    else due.push([delivery, Math.min(visibilityTimeoutSeconds, leftSeconds)]);
  }
  return due;
}

async function extend(
  { source, clock, inFlight }: VisibilityParts,
  due: readonly (readonly [Delivery, number])[],
): Promise<boolean> {
  const now = clock.monotonicMillis();
  const changes = due.map(([{ receiptHandle }, timeoutSeconds]) => ({ receiptHandle, timeoutSeconds }));
  try {
    await source.changeVisibility(changes);
  } catch {
    return false;
  }
  for (const [delivery] of due) {
    // It may have been settled meanwhile.
    if (!inFlight.delete(delivery)) continue;
    delivery.hiddenAtMillis = now;
    inFlight.add(delivery);
  }
  return true;
}
