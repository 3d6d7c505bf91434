/** Where rejections wait that may be the set-up's fault, until a message becomes a row or nothing more can tell. */

import { type Doubt, doubtOfMapping, doubtOfTable } from "./doubt.ts";
import type { Intake } from "./intake.ts";
import type { Reject } from "./rejects.ts";

/** What the holding back needs. */
export interface HeldBackParts {
  readonly intake: Pick<Intake, "free" | "reserve">;
  /** Whether a message of this run has become a row, or had become one before. */
  readonly anyRow: () => boolean;
  /** Whether this run has rejected the message before. */
  readonly wasRejected: (messageId: string) => boolean;
  /** Called with what is to be rejected. */
  readonly onReject: (rejects: readonly Reject[]) => void;
}

/** Holds back what is open, and rejects the rest. */
export class HeldBack {
  readonly #parts: HeldBackParts;
  readonly #table = doubtOfTable();
  readonly #mapping = doubtOfMapping();

  constructor(parts: HeldBackParts) {
    this.#parts = parts;
  }

  /**
   * Messages became no row. Until one of the run has, it may be the mapping that is wrong. Those that were received before,
   * by another run at least, have been told of: they hold up no run a second time.
   *
   * @throws EtlError `config` where it is the mapping
   */
  unmapped(rejects: readonly Reject[]): void {
    const isProven = this.#parts.anyRow();
    this.#hold(rejects, this.#mapping, ({ arrival }) => !isProven && arrival.ref.receiveCount === 1);
  }

  /**
   * The table refused rows and took none. A few bad messages that come round all night, while nothing else does, are not
   * many that the table refuses.
   *
   * @throws EtlError `config` where it is the table
   */
  refused(refusals: readonly Reject[]): void {
    const { wasRejected } = this.#parts;
    this.#hold(refusals, this.#table, ({ rejection }) => !wasRejected(rejection.messageId));
  }

  /** The table took a row of the batch, and refused these. */
  accepted(refusals: readonly Reject[]): void {
    this.#reject([...this.#table.dispel(), ...this.#mapping.dispel()]);
    this.#parts.onReject(refusals);
  }

  /** Nothing is on its way that could tell: they are bad messages. */
  settle(): void {
    this.#reject(this.takeAll());
  }

  /** Gives what is held back, for it to go back to the queue. */
  takeAll(): readonly Reject[] {
    return [...this.#table.takeAll(), ...this.#mapping.takeAll()];
  }

  #hold(rejects: readonly Reject[], doubt: Doubt, isOpen: (reject: Reject) => boolean): void {
    const { open = [], certain = [] } = Object.groupBy(rejects, (reject) =>
      isOpen(reject) ? "open" : "certain",
    );
    this.#parts.onReject(certain);
    // What is held back must not keep out the very messages that could tell.
    this.#parts.intake.free(open.length);
    doubt.add(open);
  }

  #reject(held: readonly Reject[]): void {
    this.#parts.intake.reserve(held.length);
    this.#parts.onReject(held);
  }
}
