/** One delivery of a message, and the line in which deliveries wait for their load. */

import type { Message, MessageRef } from "../message/message.ts";

/** The most bytes of one load, whatever its number of messages. */
const maxBatchBytes = 8 * 1024 * 1024;

/** Where a delivery is on its way; `delayed` is tried again beside the loads, `held` is the circuit breaker's. */
type State = "waiting" | "processing" | "delayed" | "held" | "settling" | "settled";

/** One delivery of a message. */
export interface Delivery extends MessageRef {
  state: State;
  /** Whether its rows were stored before it came. */
  isDuplicate: boolean;
  /** The message itself, for as long as it may be processed or copied. */
  message: Message | undefined;
  /** What the message takes up in memory, about. */
  bytes: number;
  readonly receivedAtMillis: number;
  /** Since when it is invisible for the visibility timeout. */
  hiddenAtMillis: number;
}

/** A delivery that has just been received, at `now` on the monotonic clock. */
export function toDelivery(message: Message, now: number): Delivery {
  const { messageId, receiptHandle, sentAtMillis, receiveCount, groupId, body, payload } = message;
  return {
    messageId,
    receiptHandle,
    sentAtMillis,
    receiveCount,
    groupId,
    state: "waiting",
    isDuplicate: false,
    message,
    // About a byte a character, and some for the objects.
    bytes: 500 + body.length + (payload?.length ?? 0),
    receivedAtMillis: now,
    hiddenAtMillis: now,
  };
}

/**
 * Deliveries in the order of their arrival. Of one group of a FIFO queue only one is out at a time; the next can be taken
 * when {@link WaitingLine.groupSettled} says so.
 */
export class WaitingLine {
  readonly #busyGroups = new Set<string>();
  #waiting: Delivery[] = [];
  #bytes = 0;

  get length(): number {
    return this.#waiting.length;
  }

  /** All that wait. */
  get all(): readonly Delivery[] {
    return this.#waiting;
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#bytes += delivery.bytes;
  }

  /** The next deliveries; empty if nothing may be taken now. */
  take(maxMessages: number): readonly Delivery[] {
    const taken: Delivery[] = [];
    const kept: Delivery[] = [];
    let bytes = 0;
    let next = 0;
    for (; next < this.#waiting.length; next += 1) {
      const delivery = this.#waiting[next] as Delivery;
      if (taken.length === maxMessages || bytes >= maxBatchBytes) break;
      const { groupId } = delivery;
      if (groupId !== undefined && this.#busyGroups.has(groupId)) {
        kept.push(delivery);
        continue;
      }
      if (groupId !== undefined) this.#busyGroups.add(groupId);
      bytes += delivery.bytes;
      taken.push(delivery);
    }
    // In place if nothing is kept: a long line is not copied for each batch.
    const rest = this.#waiting;
    rest.splice(0, next);
    this.#waiting = kept.length === 0 ? rest : kept.concat(rest);
    this.#bytes -= bytes;
    return taken;
  }

  /** Takes deliveries out that are dealt with where they stand. */
  remove(deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return;
    const gone = new Set(deliveries);
    this.#waiting = this.#waiting.filter((delivery) => !gone.has(delivery));
    for (const { bytes } of deliveries) this.#bytes -= bytes;
  }

  /** Those of a group, in their order. */
  ofGroup(groupId: string): readonly Delivery[] {
    return this.#waiting.filter((delivery) => delivery.groupId === groupId);
  }

  groupSettled(groupId: string): void {
    this.#busyGroups.delete(groupId);
  }

  /** Whether so many could be taken at once, or as many bytes as one load may have. */
  holdsFullLoad(maxMessages: number): boolean {
    return this.#waiting.length >= maxMessages || this.#bytes >= maxBatchBytes;
  }
}
