/** One run's moving parts, wired: receivers into the intake, loader out of it, deleter behind the commit. */

import { EtlError } from "../errors.ts";
import type { Message, MessageRef } from "../message/message.ts";
import type { MappedMessage } from "../message/row.ts";
import { type Arrival, toArrival } from "./arrival.ts";
import type { DrainEnd, DrainLimits, DrainParts } from "./drain-parts.ts";
import { Ending } from "./ending.ts";
import { giveBack } from "./give-back.ts";
import { HeldBack } from "./held-back.ts";
import { Intake } from "./intake.ts";
import { LeftBehind } from "./left-behind.ts";
import { Loader } from "./loader.ts";
import { Meter, meteredSource } from "./meter.ts";
import { type Patience, withPatience } from "./patience.ts";
import { commitUnknown, type LoadResult, type Source } from "./ports.ts";
import { Receivers, receiveEntries } from "./receivers.ts";
import { absenceSeconds, type Reject, Rejects } from "./rejects.ts";
import { Tens } from "./tens.ts";
import type { Bottleneck } from "./tuning.ts";
import { VisibilityKeeper } from "./visibility.ts";

/** Deletes at one time, at least: what is committed at the end of a run must not wait for a single receiver's turn. */
const leastDeletes = 16;

/** Of answers under way and rows that wait. */
const maxBytesInFlight = 64 * 1024 * 1024;

/** One drain from its first poll to its last delete. */
export class Run {
  readonly #parts: DrainParts;
  readonly #source: Source;
  readonly #stop: AbortSignal;
  readonly #visibilityTimeoutSeconds: number;
  /** Aborted when nothing more is to be received, for whatever reason. */
  readonly #receiving = new AbortController();
  readonly #leftBehind = new LeftBehind();
  readonly #meter: Meter;
  readonly #intake: Intake;
  readonly #keeper: VisibilityKeeper;
  readonly #deleter: Tens<MessageRef>;
  readonly #rejects: Rejects;
  readonly #loader: Loader;
  readonly #receivers: Receivers;
  readonly #ending: Ending;
  readonly #heldBack: HeldBack;
  #failure: { readonly error: unknown } | undefined;
  /** Whether an attempt to load the batch in hand may have been committed. */
  #commitUnknown = false;
  #drained = false;
  readonly #givingBack = new Set<Promise<unknown>>();

  /** @param stop asks the run to receive nothing more and to settle what is in flight */
  constructor(parts: DrainParts, limits: DrainLimits, stop: AbortSignal) {
    const { deadLetters, tally, clock, random, observer } = parts;
    const { visibilityTimeoutSeconds, follow } = limits;
    // A batch waits while another is loaded, however few may be in flight.
    const batchSize = Math.min(
      limits.batchSize,
      Math.ceil((limits.maxInFlight ?? Number.POSITIVE_INFINITY) / 2),
    );
    this.#meter = new Meter({
      monotonicMillis: () => clock.monotonicMillis(),
      runnableMillis: parts.runnableMillis,
      requests: () => parts.source.requests,
      loadHoldsUp: () => this.#intake.holdsFullLoad(batchSize) || this.#nothingComes,
    });
    const source = meteredSource(parts.source, this.#meter);
    this.#source = source;
    this.#parts = parts;
    this.#stop = stop;
    this.#visibilityTimeoutSeconds = visibilityTimeoutSeconds;
    const patience: Patience = {
      clock,
      random,
      giveUpAfterMillis: follow ? Number.POSITIVE_INFINITY : limits.giveUpAfterMillis,
      signal: AbortSignal.any([stop, this.#receiving.signal]),
      onTrouble: (error) => observer.trouble(error),
      onRecovery: (operation) => observer.recovered(operation),
    };
    const onFailure = (error: unknown) => this.#fail(error);
    const concurrency = () => Math.max(leastDeletes, this.#receivers.wanted);
    // One batch that is loaded and one that waits; what the receivers ask for, and as much that is being deleted: a
    // delete takes as long as a receive.
    const maxMessages = () => limits.maxInFlight ?? 2 * (batchSize + receiveEntries * this.#receivers.wanted);
    this.#intake = new Intake({ maxMessages, maxBytes: maxBytesInFlight }, () => this.#receivers.fill());
    this.#keeper = new VisibilityKeeper({ source, clock, visibilityTimeoutSeconds });
    this.#deleter = new Tens({
      call: async (refs) => {
        const handles = refs.map(({ receiptHandle }) => receiptHandle);
        const { settled, failed } = await withPatience(() => source.delete(handles), patience);
        tally.deleted += settled;
        if (failed > 0) observer.undeleted(failed);
      },
      concurrency,
      onDone: (refs) => this.#settled(refs),
      onFailure,
      // Their rows are stored: they come back and are recognised.
      onDropped: (refs) => this.#settled(refs),
    });
    this.#rejects = new Rejects({
      source,
      deadLetters: deadLetters && {
        send: (letters) => withPatience(() => deadLetters.send(letters), patience),
      },
      visibilityTimeoutSeconds,
      concurrency,
      onCopied: (refs) => this.#finished(refs),
      onUncopied: (count) => observer.uncopied(count),
      onLeft: (refs) => this.#left(refs),
      onDone: () => this.#ending.look(),
      onFailure,
    });
    this.#heldBack = new HeldBack({
      intake: this.#intake,
      anyRow: () => tally.inserted + tally.duplicates > 0,
      wasRejected: (messageId) => this.#leftBehind.has(messageId),
      onReject: (rejects) => this.#reject(rejects),
      onRepeated: (refs) => this.#repeated(refs),
    });
    this.#loader = new Loader({
      intake: this.#intake,
      sink: { load: (batch) => this.#meteredLoad(() => withPatience(() => this.#tryLoad(batch), patience)) },
      tally,
      batchSize,
      onAccepted: (refusals) => this.#heldBack.accepted(refusals),
      onDurable: (refs) => {
        this.#heldBack.stored(refs);
        this.#finished(refs);
      },
      onRejected: (rejects) => this.#heldBack.unmapped(rejects),
      onRefused: (refusals) => this.#heldBack.refused(refusals),
      onRepeated: (refs) => this.#repeated(refs),
      onIdle: () => this.#lull(),
    });
    this.#receivers = new Receivers({
      source: { receive: (options) => withPatience(() => source.receive(options), patience) },
      intake: this.#intake,
      meter: this.#meter,
      clock,
      receivers: limits.receivers,
      waitSeconds: limits.waitSeconds,
      maxMessages: limits.maxMessages,
      follow,
      signal: this.#receiving.signal,
      onMessages: (messages) => this.#takeIn(messages),
      onEmpty: () => this.#lull(),
      onFailure,
    });
    this.#ending = new Ending({
      source,
      isQuiet: () => this.#isQuiet(),
      leftBehind: () => this.#leftBehind.visibleAt(clock.monotonicMillis()),
      onEnd: () => {
        this.#drained = true;
        this.#receiving.abort();
      },
      onMore: () => this.#receivers.resume(),
    });
  }

  /** Runs until everything that was received is settled. Never rejects: what ended the run is in the result. */
  async settle(): Promise<DrainEnd> {
    const stopReceiving = () => this.#receiving.abort();
    if (this.#stop.aborted) stopReceiving();
    this.#stop.addEventListener("abort", stopReceiving);
    const settledAll = new AbortController();
    const keeping = this.#keeper.run(settledAll.signal);
    const receiving = this.#receivers.run().then(() => this.#intake.close());
    const loading = this.#loader.run().catch((error) => this.#fail(error));
    await Promise.all([receiving, loading]);
    this.#stop.removeEventListener("abort", stopReceiving);
    if (!this.#isCutShort) this.#heldBack.settle();
    this.#giveBackRest();
    await this.#rejects.finish();
    await Promise.all([this.#deleter.finish(), ...this.#givingBack]);
    settledAll.abort();
    await keeping;
    return { ...this.#outcome(), limit: this.#limit() };
  }

  #outcome(): DrainEnd {
    if (this.#failure !== undefined) return { outcome: "failed", error: this.#failure.error };
    if (this.#drained) return { outcome: "drained" };
    return { outcome: this.#stop.aborted ? "stopped" : "limit" };
  }

  #limit(): Bottleneck | undefined {
    this.#meter.cut();
    return this.#meter.limit;
  }

  /** With the pauses between attempts: they, too, are the database's. */
  async #meteredLoad(load: () => Promise<LoadResult>): Promise<LoadResult> {
    this.#meter.loadBegins();
    try {
      return await load();
    } finally {
      this.#meter.loadEnds();
    }
  }

  async #tryLoad(batch: readonly MappedMessage[]): Promise<LoadResult> {
    try {
      const result = await this.#parts.sink.load(batch);
      this.#commitUnknown = false;
      return result;
    } catch (error) {
      if (error instanceof EtlError && error.code === commitUnknown) this.#commitUnknown = true;
      throw error;
    }
  }

  #takeIn(messages: readonly Message[]): { arrivals: Arrival[]; fresh: number } {
    const { tally, mapMessage, deadLetters } = this.#parts;
    let fresh = 0;
    const arrivals = messages.map((message): Arrival => {
      const { messageId } = message;
      const known = this.#leftBehind.reopen(messageId);
      if (known === undefined) tally.received += 1;
      else tally.reopen(known);
      if (!this.#leftBehind.has(messageId) && !this.#heldBack.has(messageId)) fresh += 1;
      return toArrival(message, mapMessage(message), deadLetters !== undefined);
    });
    this.#keeper.hold(arrivals);
    if (fresh > 0) this.#ending.moreCame();
    return { arrivals, fresh };
  }

  /** The one way to the deleter: the row is committed, or the dead-letter queue has accepted the copy. */
  #finished(refs: readonly MessageRef[]): void {
    for (const { messageId } of refs) this.#leftBehind.remove(messageId);
    this.#deleter.add(refs);
  }

  #reject(rejects: readonly Reject[]): void {
    const { tally, observer, clock } = this.#parts;
    for (const reject of rejects) {
      const { rejection } = reject;
      const { messageId, reason } = rejection;
      // Two deliveries of one message can be under way: the second is counted with the first.
      if (this.#leftBehind.isCounted(messageId)) tally.received -= 1;
      else tally.reject(rejection);
      if (!this.#leftBehind.has(messageId)) observer.rejected(rejection, reject.arrival.ref);
      const absence = absenceSeconds(this.#visibilityTimeoutSeconds, reject);
      this.#leftBehind.add(messageId, reason, clock.monotonicMillis() + absence * 1000);
    }
    this.#rejects.add(rejects);
  }

  /** Polls that cannot be opened, as what waits for a message that is held back takes the room, bring nothing either. */
  get #nothingComes(): boolean {
    return this.#receivers.lastPollEmpty || !this.#receivers.polling;
  }

  /** Whether the queue could have told more. */
  get #isCutShort(): boolean {
    return this.#failure !== undefined || this.#stop.aborted;
  }

  /** Where nothing is on its way that could tell, what is held back is taken for bad messages. */
  #lull(): void {
    if (this.#loader.inHand.length === 0 && this.#nothingComes) {
      if (this.#isCutShort) this.#giveBackHeld();
      else this.#heldBack.settle();
    }
    this.#ending.look();
  }

  /** With what waits for them: of a group, the messages behind one that is held back. */
  #giveBackHeld(): void {
    const held = this.#heldBack.takeAll().map(({ arrival }) => arrival);
    this.#intake.reserve(held.length);
    this.#release(held);
    this.#left(held.map(({ ref }) => ref));
  }

  /** A second delivery of a message that has just been rejected is counted with it, once. */
  #repeated(refs: readonly MessageRef[]): void {
    this.#parts.tally.received -= refs.length;
    this.#left(refs);
  }

  /** They stay in the queue. What waits of their groups must not overtake them, and goes back. */
  #left(refs: readonly MessageRef[]): void {
    this.#settled(refs);
    for (const { groupId } of refs) {
      if (groupId === undefined) continue;
      const followers = this.#intake.takeGroup(groupId);
      this.#release(followers);
      this.#intake.free(followers.length);
    }
  }

  #settled(refs: readonly MessageRef[]): void {
    this.#keeper.letGo(refs);
    for (const { groupId } of refs) if (groupId !== undefined) this.#intake.groupSettled(groupId);
    this.#intake.free(refs.length);
    this.#ending.look();
  }

  /** The first error ends the run; what is in the intake is still settled. */
  #fail(error: unknown): void {
    // A stop ends the waiting for a failing service by throwing its last error: that is a stop, not a failure.
    const byStop = this.#stop.aborted && error instanceof EtlError && error.retryable;
    if (!byStop) this.#failure ??= { error };
    this.#receiving.abort();
  }

  /** Whatever was received and not loaded when the loader ended goes back to the queue. */
  #giveBackRest(): void {
    const { tally } = this.#parts;
    const { inHand } = this.#loader;
    const doubtful = this.#heldBack.takeAll().map(({ arrival }) => arrival);
    this.#release([...inHand, ...doubtful, ...this.#intake.takeAll()]);
    if (!this.#commitUnknown) return;
    tally.released -= inHand.length;
    tally.unsettled += inHand.length;
  }

  #release(arrivals: readonly Arrival[]): void {
    const handles = arrivals.map(({ ref }) => ref.receiptHandle);
    this.#parts.tally.released += handles.length;
    this.#keeper.letGo(arrivals.map(({ ref }) => ref));
    const given: Promise<unknown> = giveBack(this.#source, handles);
    this.#givingBack.add(given);
    void given.then(() => this.#givingBack.delete(given));
  }

  #isQuiet(): boolean {
    const settled = this.#loader.idle && this.#rejects.idle && this.#deleter.idle;
    return settled && this.#receivers.quiet && !this.#receiving.signal.aborted;
  }
}
