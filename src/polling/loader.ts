/** Takes what waits in the intake, loads it, and sorts it by what became of it. */

import { oneEntryPerMessage } from "../message/batch.ts";
import type { MessageRef } from "../message/message.ts";
import { type Arrival, isRow } from "./arrival.ts";
import type { Intake } from "./intake.ts";
import type { Sink } from "./ports.ts";
import type { Reject } from "./rejects.ts";
import type { Tally } from "./tally.ts";

/** What the loader needs. */
export interface LoaderParts {
  readonly intake: Intake;
  readonly sink: Sink;
  readonly tally: Tally;
  /** The most rows in one statement. */
  readonly batchSize: number;
  /** Called with deliveries whose commit is acknowledged, and only those: they are to be deleted. */
  readonly onDurable: (refs: readonly MessageRef[]) => void;
  /** Called with deliveries that became no row; what it throws ends the run. */
  readonly onRejected: (rejects: readonly Reject[]) => void;
  /**
   * Called when the table has taken a row of a batch, or has found nothing wrong with one but that it has another of its
   * key; with the deliveries of the batch whose rows it refused.
   */
  readonly onAccepted: (refusals: readonly Reject[]) => void;
  /** Called with deliveries whose rows the table refused while it accepted none; what it throws ends the run. */
  readonly onRefused: (refusals: readonly Reject[]) => void;
  /** Called with further deliveries of messages that have just been rejected: they are left alone. */
  readonly onRepeated: (refs: readonly MessageRef[]) => void;
  /** Called when everything that may be loaded is loaded. */
  readonly onIdle: () => void;
}

/** Loads batch by batch; one load is in flight at a time, so a batch is as large as the last load was slow. */
export class Loader {
  readonly #parts: LoaderParts;
  /** The deliveries whose load has not returned; what the end of a run has to account for. */
  inHand: readonly Arrival[] = [];

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /** Whether nothing waits and no load is open. */
  get idle(): boolean {
    return this.inHand.length === 0 && this.#parts.intake.waiting === 0;
  }

  /**
   * Loads until the intake is finished.
   *
   * @throws EtlError where a load failed for good; `inHand` and the intake then hold what is not loaded
   */
  async run(): Promise<void> {
    const { intake, batchSize, onIdle } = this.#parts;
    for (;;) {
      this.inHand = intake.take(batchSize);
      if (this.inHand.length > 0) {
        await this.#load();
        continue;
      }
      onIdle();
      if (intake.finished) return;
      await intake.changed.wait();
    }
  }

  async #load(): Promise<void> {
    const rows = this.inHand.filter(isRow);
    const rejects: Reject[] = [];
    if (rows.length < this.inHand.length) {
      for (const arrival of this.inHand) {
        if (arrival.rejection !== undefined) rejects.push({ arrival, rejection: arrival.rejection });
      }
    }
    const durable: MessageRef[] = [];
    const repeated: MessageRef[] = [];
    const refusals: Reject[] = [];
    let accepted = false;
    if (rows.length > 0) {
      const { sink, tally } = this.#parts;
      const { batch, repeats } = oneEntryPerMessage(rows);
      const { inserted, duplicates, leftOut, rejections } = await sink.load(batch);
      tally.inserted += inserted;
      accepted = inserted + leftOut > 0;
      tally.duplicates += duplicates;
      const refused = new Map(rejections.map((rejection) => [rejection.messageId, rejection]));
      const repeatRefs = new Set(repeats);
      for (const arrival of rows) {
        const { ref } = arrival;
        const rejection = refused.size === 0 ? undefined : refused.get(ref.messageId);
        const isRepeat = repeatRefs.size > 0 && repeatRefs.has(ref);
        if (rejection === undefined) {
          if (isRepeat) tally.duplicates += 1;
          durable.push(ref);
        } else if (isRepeat) repeated.push(ref);
        else refusals.push({ arrival, rejection });
      }
    }
    this.inHand = [];
    this.#parts.onDurable(durable);
    this.#parts.onRepeated(repeated);
    // Either may end the run; the other is told of its own all the same, so that nothing is left unaccounted for.
    try {
      this.#parts.onRejected(rejects);
    } finally {
      if (accepted) this.#parts.onAccepted(refusals);
      else this.#parts.onRefused(refusals);
    }
  }
}
