/** A dry run: looks at messages as they would be written, holds them all, and gives every one back. */

import type { MapMessage } from "../message/mapper.ts";
import type { Message } from "../message/message.ts";
import { isRefusal, type Rejection } from "../message/rejection.ts";
import type { MappedMessage } from "../message/row.ts";
import { giveBack } from "./give-back.ts";
import type { Source } from "./ports.ts";
import type { Outcome } from "./receipt.ts";
import type { Tally } from "./tally.ts";
import { batchEntries } from "./tens.ts";

/** Empty polls in a row after which there is nothing more to look at. */
const emptyPollsToEnd = 2;

/** What a dry run works with. It has no sink: it cannot write. */
export interface DryRunParts {
  readonly source: Pick<Source, "receive" | "changeVisibility">;
  readonly mapMessage: MapMessage;
  readonly tally: Tally;
  /** Awaited, so that a slow reader slows the run and not its memory. */
  readonly onRow: (mapped: MappedMessage) => Promise<void>;
  readonly onRejection: (rejection: Rejection) => Promise<void>;
}

/** How far a dry run looks. */
export interface DryRunLimits {
  readonly maxMessages: number;
  readonly waitSeconds: number;
}

/** How a dry run ended. */
export interface DryRunEnd {
  readonly outcome: Outcome;
  /** What ended it, where the outcome is `failed`. */
  readonly error?: unknown;
  /** Deliveries that come back by their time-out only, because giving them back failed. */
  readonly notReleased: number;
}

/**
 * Receives one poll after another, holding everything until the last message has come, as it would meet what it gave
 * back again; then makes all of it visible at once. Never rejects.
 */
export async function dryRun(
  parts: DryRunParts,
  limits: DryRunLimits,
  stop: AbortSignal,
): Promise<DryRunEnd> {
  const held: Message["receiptHandle"][] = [];
  let end: Omit<DryRunEnd, "notReleased">;
  try {
    end = { outcome: await look(parts, limits, stop, held) };
  } catch (error) {
    end = stop.aborted ? { outcome: "stopped" } : { outcome: "failed", error };
  }
  const notReleased = await giveBack(parts.source, held);
  return { ...end, notReleased };
}

async function look(
  { source, mapMessage, tally, onRow, onRejection }: DryRunParts,
  { maxMessages, waitSeconds }: DryRunLimits,
  stop: AbortSignal,
  held: string[],
): Promise<Outcome> {
  const seen = new Set<string>();
  let emptyPolls = 0;
  while (seen.size < maxMessages) {
    if (stop.aborted) return "stopped";
    if (emptyPolls === emptyPollsToEnd) return "drained";
    const messages = await source.receive({
      maxMessages: Math.min(batchEntries, maxMessages - seen.size),
      waitSeconds,
      signal: stop,
    });
    let fresh = 0;
    for (const message of messages) held.push(message.receiptHandle);
    for (const message of messages) {
      // Its visibility ran out while it was held: this second delivery is given back like the first, and shown once.
      if (seen.has(message.messageId)) continue;
      seen.add(message.messageId);
      fresh += 1;
      tally.received += 1;
      const mapped = mapMessage(message);
      if (isRefusal(mapped)) {
        tally.reject(mapped);
        await onRejection(mapped);
      } else {
        tally.released += 1;
        await onRow(mapped);
      }
    }
    emptyPolls = fresh === 0 ? emptyPolls + 1 : 0;
  }
  return "limit";
}
