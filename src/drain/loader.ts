/** Takes what waits in the intake, loads it, and hands to the deleter what its commit made durable. */

import { oneEntryPerMessage } from "../pipeline/batch.ts";
import type { MessageRef } from "../pipeline/message.ts";
import type { Rejection } from "../pipeline/rejection.ts";
import type { MappedMessage } from "../pipeline/row.ts";
import type { Deleter } from "./deleter.ts";
import type { Intake } from "./intake.ts";
import type { Sink } from "./ports.ts";
import type { Tally } from "./tally.ts";

/** What the loader needs. */
export interface LoaderParts {
  readonly intake: Intake;
  readonly sink: Sink;
  readonly deleter: Deleter;
  readonly tally: Tally;
  /** The most rows in one statement. */
  readonly batchSize: number;
  /** Counts it and remembers it. */
  readonly onRejection: (rejection: Rejection) => void;
  /** Called when everything that had arrived is loaded. */
  readonly onIdle: () => void;
}

/** Loads batch by batch; one load is in flight at a time, so a batch is as large as the last load was slow. */
export class Loader {
  readonly #parts: LoaderParts;
  /** The batch whose load has not returned; what a stop has to account for. */
  inHand: readonly MappedMessage[] = [];

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /** Whether nothing waits and no load is open. */
  get idle(): boolean {
    return this.inHand.length === 0 && this.#parts.intake.waiting === 0;
  }

  /**
   * Loads until the intake is closed and empty.
   *
   * @throws EtlError where a load failed for good; `inHand` and the intake then hold what is not loaded
   */
  async run(): Promise<void> {
    const { intake, batchSize, deleter, onIdle } = this.#parts;
    for (;;) {
      this.inHand = intake.take(batchSize);
      if (this.inHand.length > 0) {
        await this.#load(this.inHand);
        this.inHand = [];
        continue;
      }
      deleter.flush();
      onIdle();
      if (intake.closed) return;
      await intake.arrived.wait();
    }
  }

  async #load(taken: readonly MappedMessage[]): Promise<void> {
    const { sink, tally, deleter, intake } = this.#parts;
    const { batch, repeats } = oneEntryPerMessage(taken);
    const { inserted, duplicates, rejections } = await sink.load(batch);
    tally.inserted += inserted;
    tally.duplicates += duplicates;
    for (const rejection of rejections) this.#parts.onRejection(rejection);
    const refused = new Set(rejections.map((rejection) => rejection.messageId));
    const durable: MessageRef[] = [];
    for (const { ref } of batch) if (!refused.has(ref.messageId)) durable.push(ref);
    for (const ref of repeats) {
      if (refused.has(ref.messageId)) {
        // A second delivery of a message that has just been rejected: it is counted once.
        tally.received -= 1;
      } else {
        tally.duplicates += 1;
        durable.push(ref);
      }
    }
    intake.free(taken.length - durable.length);
    deleter.add(durable);
  }
}
