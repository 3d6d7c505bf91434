/** Moves dead letters back, or looks at them and moves none. */

import type { MapMessage } from "../../message/mapper.ts";
import type { Message } from "../../message/message.ts";
import type { StopSignals } from "../../polling/drain.ts";
import { giveBack, peek } from "../../polling/peek.ts";
import type { Source } from "../../polling/ports.ts";
import { previewMessages } from "../../processing/processor.ts";
import type { ReturnQueue } from "../../sqs/dead-letter.ts";
import type { RetryCounts } from "../../terminal/summaries.ts";
import type { LookUp } from "./retry-records.ts";

/** Calls to each queue at one time. A FIFO queue's messages go one batch after the other, in their order. */
const concurrentCalls = { standard: 4, fifo: 1 };

/** Long enough that an empty answer means that there are none. */
const waitSeconds = 1;

/** Asks for up to ten messages. */
async function receive(from: Pick<Source, "receive">, most: number): Promise<readonly Message[]> {
  // A stop does not cut it off: messages that are on their way would be hidden until their visibility timeout.
  const { signal } = new AbortController();
  return await from.receive({ maxMessages: Math.min(10, most), waitSeconds, signal });
}

/** SQS asks only some of its servers, so that one empty answer says little. */
const emptyAnswers = 2;

/** What a move is made of. */
export interface MoveParts {
  readonly from: Pick<Source, "receive" | "delete" | "changeVisibility">;
  readonly to: ReturnQueue;
  readonly lookUp: LookUp;
  readonly fifo: boolean;
  /** The most messages that are received: a drain that rejects them meanwhile would send them round for ever. */
  readonly max: number;
  /** Aborted when no further message is to be received. */
  readonly stop: AbortSignal;
  /** Told which messages the queue has accepted again, as soon as it has. Returns at once. */
  readonly onMoved: (deadLetters: readonly Message[]) => void;
  /** Told after each batch. */
  readonly onProgress: (counts: MoveCounts) => void;
}

/** What a look is made of. */
type LookParts = Pick<MoveParts, "from" | "lookUp" | "max"> & {
  /** As a drain maps messages. @defaultValue it is not known which would be rejected again */
  readonly mapMessage?: MapMessage | undefined;
  readonly stop: StopSignals;
};

/** What has become of the messages so far. */
export interface MoveCounts extends RetryCounts {
  /** Of those that were moved, by reason. */
  readonly reasons: Map<string, number>;
}

/**
 * Moves until the dead-letter queue is empty, the most is reached, or a stop is asked for; what is in hand is settled
 * then. A message is sent, and deleted once it was accepted.
 *
 * @param counts taken up as it goes, so that they are known if it fails
 * @throws what a call throws; messages in hand have been given back to the dead-letter queue
 */
export async function moveDeadLetters(parts: MoveParts, counts: MoveCounts): Promise<void> {
  const { from, to, lookUp, fifo, max, stop, onMoved, onProgress } = parts;
  /** Ids that were sent and accepted: if one comes again, its delete was lost. */
  const sent = new Set<string>();
  /** Ids that cannot be sent, with their newest receipt handles. */
  const left = new Map<string, string>();
  let taken = 0;
  let empty = 0;
  let failed = false;

  async function run(): Promise<void> {
    try {
      while (!stop.aborted && !failed && empty < emptyAnswers && taken < max) {
        // Taken before the answer is there, because other calls are under way.
        const most = Math.min(10, max - taken);
        taken += most;
        const messages = await receive(from, most);
        taken -= most - messages.length;
        await settle(messages);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  }

  async function settle(messages: readonly Message[]): Promise<void> {
    const again: Message[] = [];
    const fresh: Message[] = [];
    for (const message of messages) {
      if (left.has(message.messageId)) left.set(message.messageId, message.receiptHandle);
      else (sent.has(message.messageId) ? again : fresh).push(message);
    }
    empty = fresh.length > 0 ? 0 : empty + 1;
    const deleted = await remove(again);
    counts.undeleted -= deleted;
    if (fresh.length === 0) return;
    try {
      await settleFresh(fresh);
    } catch (error) {
      await giveBack(from, handlesOf(fresh.filter(({ messageId }) => !sent.has(messageId))));
      throw error;
    }
    onProgress(counts);
  }

  async function settleFresh(fresh: readonly Message[]): Promise<void> {
    const facts = await lookUp(fresh);
    const dropped = await remove(fresh.filter((_, index) => facts[index]?.stored));
    counts.stored += dropped;

    const unsent = fresh.filter((_, index) => !facts[index]?.stored);
    const places = unsent.length === 0 ? new Set<number>() : await to.send(unsent);
    const accepted = unsent.filter((_, index) => places.has(index));
    for (const message of accepted) {
      sent.add(message.messageId);
      count(counts.reasons, facts[fresh.indexOf(message)]?.reason);
    }
    if (accepted.length > 0) onMoved(accepted);
    counts.moved += accepted.length;
    counts.undeleted += accepted.length;
    const deleted = await remove(accepted);
    counts.undeleted -= deleted;
    for (const { messageId, receiptHandle } of unsent)
      if (!sent.has(messageId)) left.set(messageId, receiptHandle);
    counts.left = left.size;
  }

  /** @returns how many are deleted */
  async function remove(messages: readonly Message[]): Promise<number> {
    return messages.length === 0 ? 0 : (await from.delete(handlesOf(messages))).settled;
  }

  const calls = fifo ? concurrentCalls.fifo : concurrentCalls.standard;
  const ended = await Promise.allSettled(Array.from({ length: calls }, run));
  // What cannot be sent is visible at once, for a person to look at.
  await giveBack(from, [...left.values()]);
  const failure = ended.find((end) => end.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}

function handlesOf(messages: readonly Message[]): string[] {
  return messages.map(({ receiptHandle }) => receiptHandle);
}

/** What was seen in the dead-letter queue. */
interface Seen extends Pick<MoveCounts, "stored" | "reasons"> {
  seen: number;
  /** Not stored, and rejected again by the mapping as it is now. */
  rejectedAgain: number;
}

/**
 * Looks at dead letters until the most is reached, nothing new comes, or a stop is asked for. All of them are given back.
 *
 * @throws what a call throws; the messages have been given back then, too
 */
export async function lookAtDeadLetters({ from, max, lookUp, mapMessage, stop }: LookParts): Promise<Seen> {
  const seen: Seen = { seen: 0, stored: 0, rejectedAgain: 0, reasons: new Map() };
  const end = await peek(from, { maxMessages: max, waitSeconds }, stop, async (messages) => {
    const facts = await lookUp(messages);
    for (const { reason } of facts) count(seen.reasons, reason);
    seen.seen += messages.length;
    seen.stored += facts.filter(({ stored }) => stored).length;
    if (mapMessage === undefined) return;
    const areStored = async () => facts.map(({ stored }) => stored);
    const previews = await previewMessages(messages, { mapMessage, areStored });
    seen.rejectedAgain += previews.filter(({ kind }) => kind === "rejected").length;
  });
  if (end.outcome === "failed") throw end.error;
  return seen;
}

function count(reasons: Map<string, number>, reason = "unknown"): void {
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}
