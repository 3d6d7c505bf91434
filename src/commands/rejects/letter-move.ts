/** Moves dead letters back, one call after the other: received, looked up, sent, and deleted once they are accepted. */

import type { Message } from "../../message/message.ts";
import { giveBack } from "../../polling/give-back.ts";
import type { Source } from "../../polling/ports.ts";
import type { ReturnQueue } from "../../sqs/dead-letter.ts";
import type { LetterCheck } from "./letter-check.ts";

/** Calls to each queue at one time. A FIFO queue's messages go one batch after the other, in their order. */
const concurrentCalls = { standard: 4, fifo: 1 };

/** Long enough that an answer with nothing in it means that nothing is there. */
const waitSeconds = 1;

/** What a move is made of. */
export interface LetterMoveParts {
  readonly from: Pick<Source, "receive" | "delete" | "changeVisibility">;
  readonly to: ReturnQueue;
  readonly check: LetterCheck;
  readonly fifo: boolean;
  /** The most messages that are received: those that are rejected meanwhile would come round for ever. */
  readonly max: number;
  /** Aborted where no further message is to be received. */
  readonly stop: AbortSignal;
  /** Told which messages the queue has accepted again, as soon as it has. Returns at once. */
  readonly onMoved: (letters: readonly Message[]) => void;
  /** Told after each batch. */
  readonly onProgress: (counts: MoveCounts) => void;
}

/** What has become of the messages so far. */
export interface MoveCounts {
  /** Sent back, and accepted. */
  moved: number;
  /** Stored already, as the ledger says: deleted, and not sent. */
  stored: number;
  /** Could not be sent as they are: still in the dead-letter queue. */
  left: number;
  /** Sent back, but still in the dead-letter queue: another retry would send them once more. */
  undeleted: number;
  /** Of those that were moved, by reason. */
  readonly reasons: Map<string, number>;
}

/** No message yet. */
export function noLetters(): MoveCounts {
  return { moved: 0, stored: 0, left: 0, undeleted: 0, reasons: new Map() };
}

/**
 * Moves until the queue is empty, the most is reached, or a stop is asked for; what is in hand is settled then.
 *
 * @param counts taken up as it goes, so that they are known where it fails
 * @throws what a call throws; messages in hand have been given back to the dead-letter queue
 */
export async function moveLetters(parts: LetterMoveParts, counts: MoveCounts): Promise<void> {
  const move = new LetterMove(parts, counts);
  const calls = parts.fifo ? concurrentCalls.fifo : concurrentCalls.standard;
  const ended = await Promise.allSettled(Array.from({ length: calls }, () => move.run()));
  await move.giveBackLeft();
  const failed = ended.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

class LetterMove {
  readonly #parts: LetterMoveParts;
  readonly #counts: MoveCounts;
  /** Sent and accepted: where one comes again, its delete was lost. */
  readonly #sent = new Set<string>();
  readonly #left = new Map<string, string>();
  #taken = 0;
  #empty = 0;
  #failed = false;

  constructor(parts: LetterMoveParts, counts: MoveCounts) {
    this.#parts = parts;
    this.#counts = counts;
  }

  async run(): Promise<void> {
    const { from, max, stop } = this.#parts;
    try {
      // Two empty answers in a row: SQS asks only some of its servers.
      while (!stop.aborted && !this.#failed && this.#empty < 2) {
        const maxMessages = Math.min(10, max - this.#taken);
        if (maxMessages <= 0) return;
        this.#taken += maxMessages;
        // Not cut off by the stop: messages that are on their way would be hidden until their time-out.
        const messages = await from.receive({
          maxMessages,
          waitSeconds,
          signal: new AbortController().signal,
        });
        this.#taken -= maxMessages - messages.length;
        await this.#settle(messages);
      }
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  /** They come back soon, to be looked at. */
  async giveBackLeft(): Promise<void> {
    await giveBack(this.#parts.from, [...this.#left.values()]);
  }

  async #settle(messages: readonly Message[]): Promise<void> {
    const again = messages.filter(({ messageId }) => this.#sent.has(messageId));
    for (const { messageId, receiptHandle } of messages)
      if (this.#left.has(messageId)) this.#left.set(messageId, receiptHandle);
    const fresh = messages.filter(
      ({ messageId }) => !this.#sent.has(messageId) && !this.#left.has(messageId),
    );
    this.#empty = fresh.length > 0 ? 0 : this.#empty + 1;
    const deleted = await this.#delete(again);
    this.#counts.undeleted -= deleted;
    if (fresh.length === 0) return;
    try {
      await this.#settleFresh(fresh);
    } catch (error) {
      const unsent = fresh.filter(({ messageId }) => !this.#sent.has(messageId));
      await giveBack(
        this.#parts.from,
        unsent.map(({ receiptHandle }) => receiptHandle),
      );
      throw error;
    }
    this.#parts.onProgress(this.#counts);
  }

  async #settleFresh(fresh: readonly Message[]): Promise<void> {
    const { to, check, onMoved } = this.#parts;
    const counts = this.#counts;
    const facts = await check(fresh);
    const stored = fresh.filter((_, index) => facts[index]?.stored);
    const dropped = await this.#delete(stored);
    counts.stored += dropped;

    const unsent = fresh.filter((_, index) => !facts[index]?.stored);
    const accepted = unsent.length === 0 ? new Set() : await to.send(unsent);
    const sent = unsent.filter((_, index) => accepted.has(index));
    for (const { messageId } of sent) this.#sent.add(messageId);
    if (sent.length > 0) onMoved(sent);
    counts.moved += sent.length;
    for (const message of sent) {
      const reason = facts[fresh.indexOf(message)]?.reason ?? "unknown";
      counts.reasons.set(reason, (counts.reasons.get(reason) ?? 0) + 1);
    }
    counts.undeleted += sent.length;
    const deleted = await this.#delete(sent);
    counts.undeleted -= deleted;
    for (const { messageId, receiptHandle } of unsent)
      if (!this.#sent.has(messageId)) this.#left.set(messageId, receiptHandle);
    counts.left = this.#left.size;
  }

  /** @returns how many are deleted */
  async #delete(messages: readonly Message[]): Promise<number> {
    if (messages.length === 0) return 0;
    const { settled } = await this.#parts.from.delete(messages.map(({ receiptHandle }) => receiptHandle));
    return settled;
  }
}
