/** Where rejections wait that may be the set-up's fault, until a message becomes a row or nothing more can tell. */

import type { MessageRef } from "../message/message.ts";
import { Barren, Streak, suspiciousCount } from "./doubt.ts";
import type { Intake } from "./intake.ts";
import type { Reject } from "./rejects.ts";

/** Refusals for many reasons are not held back without end: their bodies are in memory. */
const mostHeld = 2 * suspiciousCount;

/** What the holding back needs. */
export interface HeldBackParts {
  readonly intake: Pick<Intake, "free" | "reserve">;
  /** Whether a message of this run has become a row, or had become one before. */
  readonly anyRow: () => boolean;
  /** Whether this run has rejected the message before. */
  readonly wasRejected: (messageId: string) => boolean;
  /** Called with what is to be rejected. */
  readonly onReject: (rejects: readonly Reject[]) => void;
  /** Called with deliveries of messages that were delivered again while they were held back: the newer ones count. */
  readonly onRepeated: (refs: readonly MessageRef[]) => void;
}

type Held = Map<string, Reject>;

/** Holds back what is open, and rejects the rest. */
export class HeldBack {
  readonly #parts: HeldBackParts;
  readonly #refused: Held = new Map();
  readonly #unmapped: Held = new Map();
  readonly #streak = new Streak();
  readonly #barren = new Barren();
  /** Whether it is no longer asked if the mapping is right. */
  #mappingIsJudged = false;
  /** Whether the set-up was found to be wrong: what is held back is then not the messages' fault. */
  #isWrong = false;

  constructor(parts: HeldBackParts) {
    this.#parts = parts;
  }

  /** Whether the message is held back. */
  has(messageId: string): boolean {
    return this.#refused.has(messageId) || this.#unmapped.has(messageId);
  }

  /**
   * Messages became no row. Until one of the run has, it may be the mapping that is wrong.
   *
   * @throws EtlError `config` where it is
   */
  unmapped(rejects: readonly Reject[]): void {
    this.#mappingIsJudged ||= this.#parts.anyRow();
    if (this.#mappingIsJudged) {
      this.#parts.onReject(rejects);
      return;
    }
    const first = this.#rejectAgain(rejects);
    for (const reject of first) if (!this.#unmapped.has(reject.rejection.messageId)) this.#barren.add(reject);
    this.#hold(this.#unmapped, first);
    this.#mappingIsJudged = this.#judge(() => this.#barren.judge());
    if (this.#mappingIsJudged) this.#reject(this.#unmapped);
  }

  /**
   * The table refused rows and took none. A few bad messages that come round all night, while nothing else does, are not
   * many that the table refuses.
   *
   * @throws EtlError `config` where it is the table
   */
  refused(refusals: readonly Reject[]): void {
    const first = this.#rejectAgain(refusals);
    const counted = first.filter(({ rejection }) => !this.#refused.has(rejection.messageId));
    this.#hold(this.#refused, first);
    this.#judge(() => {
      for (const { rejection } of counted) this.#streak.add(rejection);
    });
    if (this.#refused.size >= mostHeld) this.#reject(this.#refused);
  }

  /** Rows are stored: what is held back of their messages, from an earlier delivery, is none to reject. */
  stored(refs: readonly MessageRef[]): void {
    if (this.#refused.size + this.#unmapped.size === 0) return;
    for (const { messageId } of refs) {
      for (const held of [this.#refused, this.#unmapped]) {
        const older = held.get(messageId);
        if (older === undefined) continue;
        held.delete(messageId);
        this.#repeat(older);
      }
    }
  }

  /** The table took a row of the batch, and refused these. */
  accepted(refusals: readonly Reject[]): void {
    this.#streak.end();
    this.settle();
    this.#parts.onReject(refusals);
  }

  /** Nothing is on its way that could tell: they are bad messages, unless the set-up was found to be wrong. */
  settle(): void {
    if (this.#isWrong) return;
    this.#reject(this.#refused);
    this.#reject(this.#unmapped);
  }

  /** Gives what is held back, for it to go back to the queue. */
  takeAll(): readonly Reject[] {
    const held = [...this.#refused.values(), ...this.#unmapped.values()];
    this.#refused.clear();
    this.#unmapped.clear();
    return held;
  }

  /** Rejects what this run has rejected before, and gives the others. */
  #rejectAgain(rejects: readonly Reject[]): readonly Reject[] {
    const { wasRejected, onReject } = this.#parts;
    const { again = [], first = [] } = Object.groupBy(rejects, ({ rejection }) =>
      wasRejected(rejection.messageId) ? "again" : "first",
    );
    onReject(again);
    return first;
  }

  /** What is held back must not keep out the very messages that could tell. */
  #hold(held: Held, rejects: readonly Reject[]): void {
    for (const reject of rejects) {
      const { messageId } = reject.rejection;
      const older = held.get(messageId);
      held.set(messageId, reject);
      if (older !== undefined) this.#repeat(older);
    }
    this.#parts.intake.free(rejects.length);
  }

  #repeat({ arrival }: Reject): void {
    this.#parts.intake.reserve(1);
    this.#parts.onRepeated([arrival.ref]);
  }

  #judge<T>(judge: () => T): T {
    try {
      return judge();
    } catch (error) {
      this.#isWrong = true;
      throw error;
    }
  }

  #reject(held: Held): void {
    const rejects = [...held.values()];
    held.clear();
    this.#parts.intake.reserve(rejects.length);
    this.#parts.onReject(rejects);
  }
}
