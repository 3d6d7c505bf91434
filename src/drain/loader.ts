/** Takes what waits in the intake, loads it, and sorts it by what became of it. */

import { oneEntryPerMessage } from "../pipeline/batch.ts";
import type { MessageRef } from "../pipeline/message.ts";
import type { MappedMessage } from "../pipeline/row.ts";
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
  /** Called when the table has taken a row. */
  readonly onInserted: () => void;
  /** Called with deliveries whose commit is acknowledged, and only those: they are to be deleted. */
  readonly onDurable: (refs: readonly MessageRef[]) => void;
  /** Called with deliveries that became no row. */
  readonly onRejected: (rejects: readonly Reject[]) => void;
  /** Called with deliveries whose rows the table refused; what it throws ends the run. */
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
    const arrivals = new Map(this.inHand.map((arrival) => [arrival.ref.receiptHandle, arrival]));
    const mapped: MappedMessage[] = [];
    const rejects: Reject[] = [];
    for (const arrival of this.inHand) {
      if (isRow(arrival.outcome)) mapped.push({ ref: arrival.ref, row: arrival.outcome });
      else rejects.push({ arrival, rejection: arrival.outcome });
    }
    const refusals: Reject[] = [];
    const durable: MessageRef[] = [];
    const repeated: MessageRef[] = [];
    if (mapped.length > 0) {
      const { sink, tally } = this.#parts;
      const { batch, repeats } = oneEntryPerMessage(mapped);
      const { inserted, duplicates, rejections } = await sink.load(batch);
      tally.inserted += inserted;
      if (inserted > 0) this.#parts.onInserted();
      tally.duplicates += duplicates;
      const refused = new Map(rejections.map((rejection) => [rejection.messageId, rejection]));
      for (const { ref } of batch) {
        const rejection = refused.get(ref.messageId);
        const arrival = arrivals.get(ref.receiptHandle);
        if (rejection === undefined) durable.push(ref);
        else if (arrival !== undefined) refusals.push({ arrival, rejection });
      }
      for (const ref of repeats) {
        if (refused.has(ref.messageId)) repeated.push(ref);
        else {
          tally.duplicates += 1;
          durable.push(ref);
        }
      }
    }
    this.inHand = [];
    this.#parts.onDurable(durable);
    this.#parts.onRejected(rejects);
    this.#parts.onRepeated(repeated);
    this.#parts.onRefused(refusals);
  }
}
