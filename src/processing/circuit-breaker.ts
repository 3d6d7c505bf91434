/** The one policy on "bad message or bad set-up?": what is rejected for certain, what waits for evidence, and what ends the run. */

import { EtlError } from "../errors.ts";
import { isOfAnotherShape, type Refusal, type Rejection, settingThatReads } from "../message/message.ts";
import { rejectionWords } from "../message/rejection-words.ts";
import { type Outcome, provesTable, type Rejected } from "./outcome.ts";

/** So many in a row that become no row are not a matter of the messages. */
const suspiciousCount = 50;

/** Rejections for many reasons are not held without end: their bodies are in memory. */
const mostHeld = 2 * suspiciousCount;

/** Messages that were received more often have ended a run before, or somebody has looked at them: they are rejected. */
const newReceives = 3;

/** What another setting would read is a matter of the settings, however often it has come. */
function isEvidence({ receiveCount }: Judged, { rejection }: Rejected): boolean {
  return receiveCount <= newReceives || settingThatReads(rejection) !== undefined;
}

/** What the breaker knows a delivery by. */
interface Judged {
  readonly messageId: string;
  readonly receiveCount: number;
}

/** A delivery and what becomes of it. */
export type Settlement<D> = readonly [delivery: D, outcome: Outcome];

/** What is to be done about a batch. */
export interface Verdict<D> {
  /** To be settled now, in this order; held ones of earlier batches may be among them. */
  readonly settle: readonly Settlement<D>[];
  /** Those of the batch that are held: neither settled nor counted as in flight. */
  readonly held: readonly D[];
  /** Set if the breaker has opened: the run ends with it, and what is held goes back to the queue. */
  readonly error?: EtlError;
}

type Held<D> = Map<string, readonly [D, Rejected]>;

/**
 * Judges batch after batch.
 *
 * Closed, it lets rejections pass. It holds them while nothing says whose fault they are: what the mapping rejects until
 * the run's first row, and later what is of another shape than the settings say or refused by the table, in a batch of
 * which the table took nothing. It opens if 50 in a row come to nothing, or if the table refuses all of a batch for a
 * reason that may be its own, such as a partition for the present that is missing. Then nothing held was the messages' fault.
 */
export class CircuitBreaker<D extends Judged> {
  readonly #unmapped: Held<D> = new Map();
  readonly #refused: Held<D> = new Map();
  /** How often each, and its first rejection. */
  readonly #reasons = new Map<string, { readonly example: Rejection; count: number }>();
  /** Messages that the mapping rejected before the first row: all, and those that may be its fault. */
  #failures = { all: 0, fresh: 0 };
  /** Rejections in a row for one reason. */
  #streak = { reason: "", count: 0 };
  #mappingIsJudged = false;
  #isOpen = false;

  /** Whether the message is held. */
  holds(messageId: string): boolean {
    return this.#unmapped.has(messageId) || this.#refused.has(messageId);
  }

  /**
   * Takes the outcomes of one batch.
   *
   * @param wasRejected whether this run has rejected the message before: then there is nothing to wait for
   */
  judge(batch: readonly Settlement<D>[], wasRejected: (messageId: string) => boolean): Verdict<D> {
    const settle: Settlement<D>[] = [];
    const unmapped: (readonly [D, Rejected])[] = [];
    const refused: (readonly [D, Rejected])[] = [];
    let accepted = false;
    let noPartition: EtlError | undefined;
    for (const settlement of batch) {
      const [delivery, outcome] = settlement;
      if (outcome.kind !== "rejected") {
        settle.push(settlement);
        if (outcome.kind === "postponed") noPartition ??= outcome.suspect;
        accepted ||= provesTable(outcome);
        this.#mappingIsJudged ||= accepted || outcome.kind === "duplicate";
        // Rows are stored: of an earlier delivery of the message there is nothing to reject.
        if (outcome.kind !== "unsettled") this.#drop(delivery.messageId, settle);
      } else if (outcome.isProven || (!outcome.suspect && wasRejected(delivery.messageId)))
        settle.push(settlement);
      else (outcome.by === "mapping" ? unmapped : refused).push([delivery, outcome]);
    }
    const held: D[] = [];
    const wrongMapping = this.#judgeMapping(unmapped, refused, settle, held);
    this.#isOpen ||= wrongMapping !== undefined;
    const wrongInARow = this.#judgeStreak(refused, accepted, settle, held);
    const error = wrongMapping ?? wrongInARow ?? noPartition;
    this.#isOpen ||= error !== undefined;
    if (error === undefined) return { settle, held };
    // What waits for a partition is not made to wait longer by a run that ends.
    return { settle: settle.map((settlement) => givenBack(settlement, error)), held, error };
  }

  /** Nothing is on its way that could tell: what is held are bad messages, unless the breaker has opened. */
  release(): readonly Settlement<D>[] {
    const settle: Settlement<D>[] = [];
    if (!this.#isOpen) {
      this.#pass(this.#refused, settle);
      this.#pass(this.#unmapped, settle);
    }
    return settle;
  }

  /** Hands out what is held, for it to go back to the queue. */
  takeHeld(): readonly D[] {
    const held = [...this.#refused.values(), ...this.#unmapped.values()].map(([delivery]) => delivery);
    this.#refused.clear();
    this.#unmapped.clear();
    return held;
  }

  /** @param streak takes what may be the mapping's fault although it has made rows */
  #judgeMapping(
    rejected: readonly (readonly [D, Rejected])[],
    streak: (readonly [D, Rejected])[],
    settle: Settlement<D>[],
    held: D[],
  ): EtlError | undefined {
    for (const [delivery, outcome] of rejected) {
      if (this.#mappingIsJudged) {
        const isSuspicious = isOfAnotherShape(outcome.rejection) && isEvidence(delivery, outcome);
        (isSuspicious ? streak : settle).push([delivery, outcome]);
        continue;
      }
      if (!this.#unmapped.has(delivery.messageId)) this.#countFailure(delivery, outcome);
      this.#hold(this.#unmapped, delivery, outcome, settle, held);
    }
    if (!this.#mappingIsJudged && this.#failures.all >= suspiciousCount) {
      if (2 * this.#failures.fresh > this.#failures.all) return this.#wrongMapping();
      this.#mappingIsJudged = true;
    }
    if (this.#mappingIsJudged) this.#pass(this.#unmapped, settle);
    return undefined;
  }

  #judgeStreak(
    refused: readonly (readonly [D, Rejected])[],
    accepted: boolean,
    settle: Settlement<D>[],
    held: D[],
  ): EtlError | undefined {
    if (accepted && refused.every(([, { suspect }]) => suspect === undefined)) {
      this.#streak.count = 0;
      settle.push(...this.release(), ...refused);
      return undefined;
    }
    let error: EtlError | undefined;
    for (const [delivery, outcome] of refused) {
      if (!this.#refused.has(delivery.messageId)) error ??= this.#countRefusal(outcome);
      this.#hold(this.#refused, delivery, outcome, settle, held);
    }
    if (error === undefined && !this.#isOpen && this.#refused.size >= mostHeld)
      this.#pass(this.#refused, settle);
    return error;
  }

  #countFailure(delivery: D, outcome: Rejected): void {
    this.#failures.all += 1;
    if (isEvidence(delivery, outcome)) this.#failures.fresh += 1;
    const { rejection } = outcome;
    const place = `${rejection.reason} ${rejection.path}`;
    const { example, count } = this.#reasons.get(place) ?? { example: rejection, count: 0 };
    this.#reasons.set(place, { example, count: count + 1 });
  }

  #countRefusal({ rejection, by, suspect }: Rejected): EtlError | undefined {
    if (suspect !== undefined) return suspect;
    const { reason, column, constraint } = rejection;
    const place = constraint ?? column;
    const words = reason.replace("sqlstate_", "SQLSTATE ") + (place === undefined ? "" : `, ${place}`);
    this.#streak = { reason: words, count: words === this.#streak.reason ? this.#streak.count + 1 : 1 };
    if (this.#streak.count < suspiciousCount) return undefined;
    return by === "table"
      ? tableRefusesAll(rejection, words)
      : wrongMapping(
          `${suspiciousCount} messages in a row are of another shape than the settings say, and none in between became a row: ${rejectionWords(rejection)}`,
          rejection,
        );
  }

  #wrongMapping(): EtlError {
    const [commonest] = [...this.#reasons.values()].toSorted((a, b) => b.count - a.count);
    const reason = commonest && rejectionWords(commonest.example);
    return wrongMapping(
      `none of ${this.#failures.all} messages became a row; the most common reason: ${reason}`,
      commonest?.example,
    );
  }

  #hold(kind: Held<D>, delivery: D, outcome: Rejected, settle: Settlement<D>[], held: D[]): void {
    const other = this.#refused.get(delivery.messageId) ?? this.#unmapped.get(delivery.messageId);
    // Of loads at the same time, that of the older delivery can be answered last. Its receipt handle is stale.
    if (other !== undefined && other[0].receiveCount > delivery.receiveCount) {
      settle.push([delivery, { kind: "repeated" }]);
      return;
    }
    this.#drop(delivery.messageId, settle);
    kind.set(delivery.messageId, [delivery, outcome]);
    held.push(delivery);
  }

  /** Another delivery of the message counts in place of the one that is held. */
  #drop(messageId: string, settle: Settlement<D>[]): void {
    for (const held of [this.#unmapped, this.#refused]) {
      // Nothing is held as long as all is well, and this is asked for each message.
      const older = held.size === 0 ? undefined : held.get(messageId);
      if (older === undefined) continue;
      held.delete(messageId);
      settle.push([older[0], { kind: "repeated" }]);
    }
  }

  #pass(held: Held<D>, settle: Settlement<D>[]): void {
    settle.push(...held.values());
    held.clear();
  }
}

function wrongMapping(message: string, example: Refusal | undefined): EtlError {
  const show = "etl drain --dry-run shows them. They are back in the queue";
  const setting = example && settingThatReads(example);
  return new EtlError({
    kind: "config",
    operation: "map",
    message,
    hint:
      setting === undefined
        ? `${show}. If the messages are bad and the mapping is right, run it again: a message that is received for the ${newReceives + 1}th time is rejected`
        : `${show}. With ${setting} under [queue] etl reads them`,
    code: "mapping_rejects_all",
  });
}

function givenBack<D>([delivery, outcome]: Settlement<D>, error: EtlError): Settlement<D> {
  return outcome.kind === "postponed"
    ? [delivery, { kind: "unsettled", error, mayBeStored: false }]
    : [delivery, outcome];
}

function tableRefusesAll(rejection: Rejection, reason: string): EtlError {
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `the table refused ${suspiciousCount} rows in a row for the same reason (${reason}), and took none in between`,
    hint: "check the table's constraints and triggers; those messages are back in the queue",
    code: rejection.reason.replace("sqlstate_", ""),
  });
}
