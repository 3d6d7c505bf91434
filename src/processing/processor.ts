/** One message in, one outcome out: decode, map, mask, load. It knows nothing of polling, visibility or deletes. */

import type { MapMessage } from "../message/mapper.ts";
import type { MappedMessage, Message, MessageRef } from "../message/message.ts";
import { isRefusal, type Rejection } from "../message/message.ts";
import { type BatchLoads, batchLoads } from "./batch-load.ts";
import type { Delayed, Loader, Outcome } from "./outcome.ts";
import type { RetryLimits } from "./retry-until.ts";

/** What a processor is made of. */
export interface ProcessorParts {
  readonly mapMessage: MapMessage;
  readonly loader: Loader;
  /** How long a load that fails is tried again. */
  readonly retry: RetryLimits;
}

/** Processes messages; several calls may be open at a time. */
export interface Processor extends Pick<BatchLoads, "mostMessages"> {
  /**
   * Brings messages into the table. Never rejects: what a failed load held is `unsettled`.
   *
   * @param messages deliveries; two of one message are stored once
   * @returns an outcome for each, in order
   */
  process(messages: readonly Message[]): Promise<readonly (Outcome | Delayed)[]>;
}

/** Makes a processor. */
export function createProcessor({ mapMessage, loader, retry }: ProcessorParts): Processor {
  const loads = batchLoads(loader, retry);
  return {
    get mostMessages() {
      return loads.mostMessages;
    },
    async process(messages) {
      let sorted: Sorted;
      try {
        sorted = oneEntryPerMessage(messages, mapMessage);
      } catch (error) {
        return messages.map(() => ({ kind: "unsettled", error, mayBeStored: false }));
      }
      const { batch, places, outcomes, repeats } = sorted;
      const fates = batch.length === 0 ? [] : await loads.load(batch);
      for (const [index, place] of places.entries()) outcomes[place] = fates[index] as Outcome;
      for (const [place, before] of repeats) {
        const [earlier, later] = ofTwo(outcomes[before] as Outcome | Delayed);
        outcomes[before] = earlier;
        outcomes[place] = later;
      }
      return outcomes;
    },
  };
}

interface Sorted {
  /** What is to be loaded: a message that was delivered twice would double its rows within one statement. */
  readonly batch: MappedMessage[];
  /** Of each message of the batch the place of its first delivery. */
  readonly places: number[];
  /** Further deliveries, each with the place of the one before of its message. */
  readonly repeats: (readonly [place: number, before: number])[];
  /** By place; only rejections have theirs so far. */
  readonly outcomes: (Outcome | Delayed)[];
}

/** @throws what mapping throws */
function oneEntryPerMessage(messages: readonly Message[], mapMessage: MapMessage): Sorted {
  const sorted: Sorted = { batch: [], places: [], repeats: [], outcomes: [] };
  const { batch, places, repeats, outcomes } = sorted;
  const known = new Map<string, number>();
  for (const [place, message] of messages.entries()) {
    const before = known.get(message.messageId);
    known.set(message.messageId, place);
    if (before !== undefined) {
      repeats.push([place, before]);
      continue;
    }
    const mapped = mapMessage(message);
    if (isRefusal(mapped)) outcomes[place] = { kind: "rejected", rejection: mapped, by: "mapping" };
    else {
      batch.push(mapped);
      places.push(place);
    }
  }
  return sorted;
}

/**
 * What two deliveries of one message become, given what it became. A rejection is the later one's: with its receipt handle
 * the message can be hidden, given back or deleted, and the earlier one's may be stale.
 */
function ofTwo(outcome: Outcome | Delayed): readonly [earlier: Outcome | Delayed, later: Outcome | Delayed] {
  if (outcome.kind !== "delayed") return settledOfTwo(outcome);
  const both = outcome.outcome.then(settledOfTwo);
  return [
    { kind: "delayed", outcome: both.then(([earlier]) => earlier) },
    { kind: "delayed", outcome: both.then(([, later]) => later) },
  ];
}

function settledOfTwo(outcome: Outcome): readonly [earlier: Outcome, later: Outcome] {
  switch (outcome.kind) {
    case "stored":
    case "superseded":
      return [outcome, { kind: "duplicate" }];
    case "rejected":
      return [{ kind: "repeated" }, outcome];
    default:
      return [outcome, outcome];
  }
}

/** What a message would become if it were processed now. Whether the table takes its rows cannot be known without a load. */
export type Preview =
  | ({ readonly kind: "mapped" } & MappedMessage)
  /** The ledger has it: it would be deleted, and no row be stored. */
  | { readonly kind: "duplicate" }
  | { readonly kind: "rejected"; readonly rejection: Rejection };

/** What a preview is made of. */
export interface PreviewParts {
  readonly mapMessage: MapMessage;
  /** Asks the ledger. @defaultValue no message is taken for a duplicate */
  readonly areStored?: (messages: readonly MessageRef[]) => Promise<readonly boolean[]>;
}

/**
 * Does as {@link Processor.process} does, up to the load, and stores nothing.
 *
 * @returns a preview for each message, in order
 * @throws what `areStored` and mapping throw
 */
export async function previewMessages(
  messages: readonly Message[],
  { mapMessage, areStored }: PreviewParts,
): Promise<readonly Preview[]> {
  const stored = (await areStored?.(messages)) ?? [];
  return messages.map((message, index) => {
    if (stored[index] === true) return { kind: "duplicate" };
    const mapped = mapMessage(message);
    return isRefusal(mapped) ? { kind: "rejected", rejection: mapped } : { kind: "mapped", ...mapped };
  });
}
