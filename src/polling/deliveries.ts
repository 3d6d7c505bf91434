/** The one register of what a run has received: room, order, visibility and the receipt all follow from its transitions. */

import { EtlError } from "../errors.ts";
import type { Message, MessageRef, Rejection } from "../message/message.ts";
import type { Outcome, Rejected } from "../processing/outcome.ts";
import { type RetryLimits, retryUntil } from "../processing/retry-until.ts";
import { AnswerRoom } from "./answer-room.ts";
import { BatchSender } from "./batch-sender.ts";
import { type Delivery, toDelivery, WaitingLine } from "./delivery.ts";
import type { OnDrainEvent, RejectedMessage } from "./events.ts";
import type { Clock, DeadLetterQueue, Source } from "./ports.ts";
import type { Counts } from "./receipt.ts";
import { type LeftReason, RejectedInQueue } from "./rejected-in-queue.ts";
import { UndeletedInQueue } from "./undeleted-in-queue.ts";

/** Of answers under way and of messages that are not settled. */
const maxBytesInFlight = 64 * 1024 * 1024;

/** What a message is taken to need before the first has come. */
const firstEstimateBytes = 2 * 1024;

/** So many delayed messages take no room, or they would keep out those that go in beside them. */
const mostDelayed = 100;

/** A rejected message comes back after this at the latest: soon enough to see that its cause is mended. */
const longestAbsenceSeconds = 3600;

/** Beyond two visibility timeouts, how long a message that is still in the queue may stay away. */
const longestWayMillis = 10_000;

/** So many messages that come again after their deletes end a run: it might not end otherwise. */
const mostBack = 1_000;

/** What a delivery is settled with: an outcome, or back to the queue. */
type Settling = readonly [Delivery, Outcome | { readonly kind: "released" }];

/** What the register works with. */
export interface DeliveriesParts {
  readonly source: Pick<Source, "delete" | "changeVisibility">;
  /** Where rejected messages go. @defaultValue they stay in the queue */
  readonly deadLetters?: DeadLetterQueue | undefined;
  /** See `DrainParts`. */
  readonly areStored?: ((messages: readonly MessageRef[]) => Promise<readonly boolean[]>) | undefined;
  readonly clock: Clock;
  readonly visibilityTimeoutSeconds: number;
  /** The most deliveries that are asked for, or received and not settled; asked for before each receive. */
  readonly maxMessages: () => number;
  /** Calls of a kind to the queue at one time. */
  readonly concurrency: () => number;
  /** How long deletes and copies are tried again. */
  readonly retry: RetryLimits;
  readonly onEvent: OnDrainEvent;
  /** Called with an error that ends the run. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Every delivery from its receive to its end: `waiting`, `processing`, perhaps `delayed` or `held`, `settling`, `settled`.
 *
 * Of one group of a FIFO queue only one delivery is out at a time; the next can be taken when that one has settled. What
 * stays in the queue sends those of its group that wait back at once, so that none overtakes it.
 */
export class Deliveries {
  readonly #parts: DeliveriesParts;
  readonly #line = new WaitingLine();
  readonly #rejected = new RejectedInQueue();
  readonly #undeleted: UndeletedInQueue;
  readonly #deleting: BatchSender<Delivery>;
  readonly #copying: BatchSender<readonly [Delivery, Rejection]>;
  readonly #hiding: BatchSender<readonly [Delivery, seconds: number]>;
  readonly #releasing: BatchSender<readonly [Delivery, isCounted: boolean]>;
  readonly #reasons = new Map<string, number>();
  readonly #counts = {
    received: 0,
    inserted: 0,
    rows: 0,
    duplicates: 0,
    rejected: 0,
    released: 0,
    unsettled: 0,
    deleted: 0,
  };
  /** Not settled and not left to itself, in the order in which their visibility runs out. */
  readonly inFlight = new Set<Delivery>();
  /** Answers to polls, from their first byte to {@link arrive}. */
  readonly answers = new AnswerRoom(
    (bytes) => this.#hasRoomFor(bytes),
    () => this.#ring(),
  );
  #processing = 0;
  #delayed = 0;
  #reserved = 0;
  #bytes = 0;
  /** Messages asked for and not yet answered. */
  #expected = 0;
  /** Follows the largest message at once, and smaller ones slowly. */
  #estimateBytes = firstEstimateBytes;
  /** What is given back while a poll of ours is open; undefined while give-backs go out at once. */
  #keptBack: (readonly [Delivery, boolean])[] | undefined;
  #pollsAreOver = false;
  /** Since when every delete fails, in monotonic milliseconds. */
  #deletesFailSince: number | undefined;
  #undeletedIsTold = false;
  /** Deliveries that could not be given back. */
  #unreleased = 0;
  #wake: (() => void)[] = [];

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
    const { source, concurrency, retry, onFailure, visibilityTimeoutSeconds } = parts;
    this.#undeleted = new UndeletedInQueue(2 * visibilityTimeoutSeconds * 1000 + longestWayMillis);
    const common = { concurrency, onFailure, onDone: () => this.#ring() };
    this.#deleting = new BatchSender({
      ...common,
      call: async (batch) => {
        const handles = batch.map(({ receiptHandle }) => receiptHandle);
        const { settled, failed } = await retryUntil(() => source.delete(handles), retry);
        this.#deleteAnswered(batch, settled, failed);
        this.#settled(batch);
      },
      // Their rows are stored: they come back and are recognised.
      onDropped: (batch) => {
        this.#deleteAnswered(batch, 0, batch.length);
        this.#settled(batch);
      },
    });
    this.#copying = new BatchSender({
      ...common,
      call: (batch) => this.#copy(batch),
      onDropped: (batch) => this.#giveBack(batch.map(([delivery]) => [delivery, true])),
    });
    // If hiding fails, which its source tells, the message comes back after the queue's own timeout, a little too soon.
    this.#hiding = new BatchSender({
      ...common,
      call: async (batch) => {
        const changes = batch.map(([{ receiptHandle }, timeoutSeconds]) => ({
          receiptHandle,
          timeoutSeconds,
        }));
        await source.changeVisibility(changes).catch(() => {});
      },
      onDropped() {},
    });
    this.#releasing = new BatchSender({
      ...common,
      call: (batch) => this.#makeVisible(batch),
      onDropped() {},
    });
  }

  /** Reserves room for so many more deliveries, or not at all. One receive is always let through. */
  tryReserve(count: number): boolean {
    const bytes = this.#bytes + (this.#expected + count) * this.#estimateBytes;
    const inUse = this.#reserved + Math.max(0, this.#delayed - mostDelayed);
    const isFull = inUse + count > this.#parts.maxMessages() || bytes > maxBytesInFlight;
    if (inUse > 0 && (isFull || this.answers.waiting > 0)) return false;
    this.#reserved += count;
    this.#expected += count;
    return true;
  }

  /** One answer is always let through: what the circuit breaker holds must not keep out what could tell. */
  #hasRoomFor(answerBytes: number): boolean {
    const { bytes } = this.answers;
    const isIdle = bytes === 0 && this.#reserved === this.#expected;
    return isIdle || this.#bytes + bytes + answerBytes <= maxBytesInFlight;
  }

  /**
   * A receive for which `reserved` places were reserved is over.
   *
   * @param isKnown whether the message is in hand already, and no sign that there is more
   * @returns how many messages are new to this run
   */
  arrive(reserved: number, messages: readonly Message[], isKnown: (messageId: string) => boolean): number {
    const now = this.#parts.clock.monotonicMillis();
    let fresh = 0;
    let bytes = 0;
    for (const message of messages) {
      const delivery = toDelivery(message, now);
      const { messageId } = delivery;
      const counted = this.#rejected.reopen(messageId);
      if (counted === undefined) this.#counts.received += 1;
      else this.#uncount(counted);
      const isUndeleted = this.#undeleted.arrived(messageId, now);
      if (!isUndeleted && !this.#rejected.has(messageId) && !isKnown(messageId)) fresh += 1;
      this.#estimateBytes = Math.max(delivery.bytes, this.#estimateBytes * 0.99);
      bytes += delivery.bytes;
      this.#line.add(delivery);
      this.inFlight.add(delivery);
    }
    this.#bytes += bytes;
    this.#expected -= reserved;
    this.#reserved -= reserved - messages.length;
    if (messages.length > 0) this.#parts.onEvent({ type: "received", messages: messages.length, bytes });
    this.#ring();
    return fresh;
  }

  /** The next deliveries in the order of arrival; empty if nothing may be taken now. */
  take(maxMessages: number): readonly Delivery[] {
    const taken = this.#line.take(maxMessages);
    for (const delivery of taken) delivery.state = "processing";
    this.#processing += taken.length;
    const copied = taken.filter(({ messageId }) => this.#rejected.wasCopied(messageId));
    if (copied.length === 0) return taken;
    for (const delivery of copied) this.#beginSettling(delivery);
    this.#deleteCopied(copied);
    return taken.filter(({ state }) => state === "processing");
  }

  /** They are tried again beside the loads. */
  delay(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) delivery.state = "delayed";
    this.#processing -= deliveries.length;
    this.#delayed += deliveries.length;
    this.#reserved -= deliveries.length;
    if (deliveries.length > 0) this.#ring();
  }

  /** The circuit breaker holds them. They give their room back, or they would keep out the messages that could tell. */
  hold(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      if (delivery.state === "delayed") this.#delayed -= 1;
      else {
        this.#processing -= 1;
        this.#reserved -= 1;
      }
      delivery.state = "held";
    }
    if (deliveries.length > 0) this.#ring();
  }

  /**
   * Settles deliveries: the one way to delete, to move to the dead-letter queue, to leave in the queue and to give back.
   *
   * A delivery is deleted only if its outcome says that its rows are durable, or once the dead-letter queue has accepted
   * its copy.
   */
  settle(settlements: readonly Settling[]): void {
    const durable: Delivery[] = [];
    const rejected: (readonly [Delivery, Rejected])[] = [];
    const postponed: Delivery[] = [];
    const back: (readonly [Delivery, isCounted: boolean])[] = [];
    const repeated: Delivery[] = [];
    const waiting: Delivery[] = [];
    for (const [delivery, outcome] of settlements) {
      if (delivery.state === "waiting") waiting.push(delivery);
      this.#beginSettling(delivery);
      switch (outcome.kind) {
        case "stored":
          this.#counts.inserted += 1;
          this.#counts.rows += outcome.rows;
          durable.push(delivery);
          break;
        case "duplicate":
        case "superseded":
          this.#counts.duplicates += 1;
          delivery.isDuplicate = outcome.kind === "duplicate";
          durable.push(delivery);
          break;
        case "rejected":
          rejected.push([delivery, outcome]);
          break;
        case "postponed":
          postponed.push(delivery);
          break;
        case "repeated":
          this.#counts.received -= 1;
          repeated.push(delivery);
          break;
        case "unsettled":
          if (outcome.mayBeStored) this.#counts.unsettled += 1;
          back.push([delivery, !outcome.mayBeStored]);
          break;
        case "released":
          back.push([delivery, true]);
          break;
      }
    }
    this.#line.remove(waiting);
    if (durable.length > 0) this.#delete(durable);
    if (rejected.length > 0) this.#reject(rejected);
    if (postponed.length > 0) this.#postpone(postponed);
    if (back.length > 0) this.#giveBack(back);
    if (repeated.length > 0) this.#leftInQueue(repeated);
    // Bodies that are not needed any more have made room.
    this.answers.letIn();
  }

  /** From now on, what is given back waits for {@link pollsOver}: an open poll of our own would be handed it. */
  keepBack(): void {
    if (!this.#pollsAreOver) this.#keptBack ??= [];
  }

  /** No poll of ours is open any more. */
  pollsOver(): void {
    const kept = this.#keptBack ?? [];
    this.#keptBack = undefined;
    this.#pollsAreOver = true;
    this.#releasing.add(kept);
    this.#ring();
  }

  /** Gives back all that waits. */
  releaseWaiting(): void {
    this.settle(this.#line.all.map((delivery) => [delivery, { kind: "released" }]));
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  /** Whether every call to the queue has been answered, and none waits. */
  get callsAreOver(): boolean {
    const kept = this.#keptBack?.length ?? 0;
    return (
      kept === 0 && this.#deleting.idle && this.#copying.idle && this.#hiding.idle && this.#releasing.idle
    );
  }

  /** Whether nothing waits, nothing is processed, and no call is open. */
  get idle(): boolean {
    return this.#line.length === 0 && this.#processing === 0 && this.#delayed === 0 && this.callsAreOver;
  }

  /** How many are tried again beside the loads. */
  get delayed(): number {
    return this.#delayed;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** Whether so many could be taken at once, or as many bytes as one load may have. */
  holdsFullLoad(maxMessages: number): boolean {
    return this.#line.holdsFullLoad(maxMessages);
  }

  /** Whether this run has rejected the message before. */
  wasRejected(messageId: string): boolean {
    return this.#rejected.has(messageId);
  }

  /** How many messages that this run has left in the queue may be among those that the queue counts as visible. */
  get visibleAgain(): number {
    return this.#rejected.visibleAt(this.#parts.clock.monotonicMillis());
  }

  /** Stored messages that are in the queue all the same, as far as this run knows. */
  get undeleted(): number {
    return this.#undeleted.size;
  }

  /** Deliveries that could not be given back: hidden until their visibility timeout is over. */
  get unreleased(): number {
    return this.#unreleased;
  }

  /** Deliveries whose end is open. */
  get open(): number {
    const { received, inserted, duplicates, rejected, released, unsettled } = this.#counts;
    return received - inserted - duplicates - rejected - released - unsettled;
  }

  /** What has become of everything so far; at the end of a run, `received` is the sum of the others. */
  get counts(): Counts {
    return { ...this.#counts, rejections: Object.fromEntries([...this.#reasons].sort()) };
  }

  #beginSettling(delivery: Delivery): void {
    const { state } = delivery;
    if (state === "settling" || state === "settled")
      throw new Error(`a delivery is ${state}, and cannot be settled again`);
    if (state === "processing") this.#processing -= 1;
    if (state === "delayed") this.#delayed -= 1;
    if (state === "held" || state === "delayed") this.#reserved += 1;
    delivery.state = "settling";
  }

  /** The one way to a delete. */
  #delete(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#rejected.remove(delivery.messageId);
      this.#forgetMessage(delivery);
    }
    this.#deleting.add(deliveries);
  }

  #deleteAnswered(batch: readonly Delivery[], settled: number, failed: number): void {
    const { clock, retry, onEvent, onFailure } = this.#parts;
    const now = clock.monotonicMillis();
    this.#counts.deleted += settled;
    onEvent({ type: "deleted", messages: settled, failed });
    const undeleted = this.#undeleted;
    undeleted.deleted(batch, failed, now);
    const isTrouble = !undeleted.isOver(now);
    if (isTrouble !== this.#undeletedIsTold) onEvent({ type: "undeleted", messages: undeleted.size });
    this.#undeletedIsTold = isTrouble;
    if (settled > 0) this.#deletesFailSince = undefined;
    else this.#deletesFailSince ??= now;
    const failMillis = now - (this.#deletesFailSince ?? now);
    const isEndless = failMillis >= retry.giveUpAfterMillis || undeleted.back >= mostBack;
    if (isEndless && Number.isFinite(retry.giveUpAfterMillis)) onFailure(notDeleted(undeleted.size));
  }

  #reject(rejects: readonly (readonly [Delivery, Rejected])[]): void {
    const rejected = rejects.map(([delivery, { rejection }]) => [delivery, rejection] as const);
    if (this.#parts.deadLetters !== undefined) this.#copying.add(rejected);
    else {
      this.#countRejected(rejected);
      this.#leave(rejected.map(withReason));
    }
  }

  #countRejected(rejected: readonly (readonly [Delivery, Rejection])[]): void {
    const { onEvent } = this.#parts;
    const told: RejectedMessage[] = [];
    for (const [delivery, rejection] of rejected) {
      const { messageId, sentAtMillis } = delivery;
      if (!this.#rejected.has(messageId)) told.push({ rejection, sentAtMillis });
      this.#remember(delivery, rejection.reason);
    }
    if (told.length > 0) onEvent({ type: "rejected", messages: told });
  }

  /** They stay in the queue, and are never copied: there is nothing wrong with them. */
  #postpone(postponed: readonly Delivery[]): void {
    const isCopied = ({ messageId }: Delivery) => this.#rejected.wasCopied(messageId);
    this.#deleteCopied(postponed.filter(isCopied));
    const deliveries = postponed.filter((delivery) => !isCopied(delivery));
    for (const delivery of deliveries) this.#remember(delivery, "no_partition");
    if (deliveries.length > 0) this.#parts.onEvent({ type: "postponed", messages: deliveries.length });
    this.#leave(deliveries.map((delivery) => [delivery, "no_partition"]));
  }

  /** Counts a message that is left in the queue, once. */
  #remember(delivery: Delivery, reason: LeftReason): void {
    const { messageId } = delivery;
    // Two deliveries of one message can be under way: the second is counted with the first.
    if (this.#rejected.isCounted(messageId)) this.#counts.received -= 1;
    else this.#count(reason);
    const absenceMillis = 1000 * this.#absenceSeconds(delivery, reason);
    this.#rejected.add(messageId, reason, this.#parts.clock.monotonicMillis() + absenceMillis);
  }

  /**
   * A copy is accepted before the original is deleted: it may arrive twice, and is never lost. Another delivery of the
   * message may have been stored meanwhile: then nothing was wrong with it, and it is a duplicate.
   */
  async #copy(batch: readonly (readonly [Delivery, Rejection])[]): Promise<void> {
    const { deadLetters, areStored, retry, onEvent } = this.#parts;
    if (deadLetters === undefined) return;
    const copied = batch.filter(([{ messageId }]) => this.#rejected.wasCopied(messageId));
    const asked = batch.filter((one) => !copied.includes(one));
    let stored: readonly boolean[] = [];
    let rejected: typeof batch = [];
    const accepted = await retryUntil(async () => {
      stored = (await areStored?.(asked.map(([delivery]) => delivery))) ?? [];
      rejected = asked.filter((_, index) => stored[index] !== true);
      if (rejected.length === 0) return new Set<number>();
      const letters = rejected.map(([{ message }, rejection]) => ({
        message: withoutPayload(message as Message),
        rejection,
      }));
      return await deadLetters.send(letters);
    }, retry);
    this.#deleteCopied(copied.map(([delivery]) => delivery));
    this.#deleteStored(asked.filter((_, index) => stored[index] === true).map(([delivery]) => delivery));
    this.#countRejected(rejected);
    const gone = rejected.filter((_, index) => accepted.has(index));
    for (const [{ messageId }, { reason }] of gone) this.#rejected.addCopied(messageId, reason);
    this.#delete(gone.map(([delivery]) => delivery));
    const uncopied = rejected.filter((_, index) => !accepted.has(index));
    if (uncopied.length > 0) onEvent({ type: "uncopied", messages: uncopied.length });
    this.#leave(uncopied.map(withReason));
  }

  /** Further deliveries of messages that the dead-letter queue has; they are counted. */
  #deleteCopied(deliveries: readonly Delivery[]): void {
    this.#counts.received -= deliveries.length;
    for (const delivery of deliveries) delivery.isDuplicate = true;
    this.#delete(deliveries);
  }

  #deleteStored(deliveries: readonly Delivery[]): void {
    this.#counts.duplicates += deliveries.length;
    for (const delivery of deliveries) delivery.isDuplicate = true;
    this.#delete(deliveries);
  }

  #leave(left: readonly (readonly [Delivery, LeftReason])[]): void {
    this.#hiding.add(left.map(([delivery, reason]) => [delivery, this.#absenceSeconds(delivery, reason)]));
    this.#leftInQueue(left.map(([delivery]) => delivery));
  }

  #giveBack(back: readonly (readonly [Delivery, isCounted: boolean])[]): void {
    const deliveries = back.map(([delivery]) => delivery);
    if (this.#keptBack === undefined) this.#releasing.add(back);
    // Until they are given back they stay invisible, or an open poll of ours would be handed them after all.
    else for (const one of back) this.#keptBack.push(one);
    this.#leftInQueue(deliveries, this.#keptBack !== undefined);
  }

  /** If it fails, they are hidden until their visibility timeout is over, which loses nothing. */
  async #makeVisible(batch: readonly (readonly [Delivery, isCounted: boolean])[]): Promise<void> {
    const changes = batch.map(([{ receiptHandle }]) => ({ receiptHandle, timeoutSeconds: 0 }));
    const counted = batch.filter(([, isCounted]) => isCounted).length;
    for (const [delivery] of batch) this.inFlight.delete(delivery);
    let failed = changes.length;
    let error: unknown;
    try {
      ({ failed } = await this.#parts.source.changeVisibility(changes));
    } catch (failure) {
      error = failure;
    }
    const unreleased = Math.min(failed, counted);
    this.#counts.released += counted - unreleased;
    this.#counts.unsettled += unreleased;
    this.#unreleased += failed;
    this.#parts.onEvent({ type: "released", messages: changes.length - failed, failed, error });
  }

  /** They stay in the queue. What waits of their groups must not overtake them, and goes back. */
  #leftInQueue(deliveries: readonly Delivery[], staysInvisible = false): void {
    for (const delivery of deliveries) this.#forgetMessage(delivery);
    this.#settled(deliveries, staysInvisible);
    for (const { groupId } of deliveries) {
      if (groupId === undefined) continue;
      const followers = this.#line.ofGroup(groupId);
      if (followers.length > 0) this.settle(followers.map((follower) => [follower, { kind: "released" }]));
    }
  }

  #settled(deliveries: readonly Delivery[], staysInvisible = false): void {
    for (const delivery of deliveries) {
      delivery.state = "settled";
      if (!staysInvisible) this.inFlight.delete(delivery);
      if (delivery.groupId !== undefined) this.#line.groupSettled(delivery.groupId);
    }
    this.#reserved -= deliveries.length;
    this.#ring();
  }

  #forgetMessage(delivery: Delivery): void {
    this.#bytes -= delivery.bytes;
    delivery.bytes = 0;
    delivery.message = undefined;
  }

  /**
   * How long a message that is left stays away: the queue's timeout, doubled with each receive, so that a message that is
   * always left does not keep the drain busy. One that was damaged on its way stays away for the timeout itself.
   */
  #absenceSeconds({ receiveCount }: Delivery, reason: LeftReason): number {
    const first = Math.max(1, this.#parts.visibilityTimeoutSeconds);
    if (reason === "body_md5_mismatch") return first;
    return Math.min(first * 2 ** Math.min(receiveCount - 1, 20), Math.max(first, longestAbsenceSeconds));
  }

  #count(reason: LeftReason): void {
    if (reason === "no_partition") {
      this.#counts.unsettled += 1;
      return;
    }
    this.#counts.rejected += 1;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  /** The message has come again, and its end is as open as it was. */
  #uncount(reason: LeftReason): void {
    if (reason === "no_partition") {
      this.#counts.unsettled -= 1;
      return;
    }
    this.#counts.rejected -= 1;
    const count = (this.#reasons.get(reason) ?? 0) - 1;
    if (count > 0) this.#reasons.set(reason, count);
    else this.#reasons.delete(reason);
  }

  #ring(): void {
    this.answers.letIn();
    const woken = this.#wake;
    this.#wake = [];
    for (const resolve of woken) resolve();
  }
}

/** The `code` of {@link notDeleted}. */
export const notDeletedCode = "not_deleted";

/** The error of a run that could not delete what it has stored. */
export function notDeleted(messages: number): EtlError {
  const [are, come] =
    messages === 1 ? ["message is", "it comes again, and is"] : ["messages are", "they come again, and are"];
  return new EtlError({
    kind: "temporary",
    operation: "delete",
    message: `${messages} ${are} stored and could not be deleted from the queue: ${come} recognised then`,
    hint: "run the same command again: nothing is lost and nothing is doubled",
    code: notDeletedCode,
  });
}

function withReason([delivery, { reason }]: readonly [Delivery, Rejection]): readonly [Delivery, LeftReason] {
  return [delivery, reason];
}

/** As it came: a payload only stands in for a body. */
function withoutPayload(message: Message): Message {
  if (message.payload === undefined) return message;
  const { payload: _payload, ...rest } = message;
  return rest;
}
