/**
 * Tells bad messages from a table that refuses everything: refusals of Postgres are held back until a row is accepted
 * again, and where too many of them in a row have one and the same reason, the set-up is wrong and nothing is rejected.
 */

import { EtlError } from "../errors.ts";
import type { Reject } from "./rejects.ts";

/** So many refusals for one reason, with no row accepted between them, are not a matter of the messages. */
const suspiciousRefusals = 50;

/** Refusals whose meaning is open. */
export class Doubt {
  #held: Reject[] = [];
  #reason = "";
  #inARow = 0;

  /**
   * Holds refusals back.
   *
   * @throws EtlError `config` where they are too many of one kind; `takeAll` then gives what is to go back to the queue
   */
  add(refusals: readonly Reject[]): void {
    for (const refusal of refusals) {
      this.#held.push(refusal);
      const reason = describe(refusal);
      this.#inARow = reason === this.#reason ? this.#inARow + 1 : 1;
      this.#reason = reason;
    }
    if (this.#inARow >= suspiciousRefusals) throw wrongSetUp(this.#inARow, this.#reason);
  }

  /** A row has been accepted: the table takes rows. Gives what was held back, as what it is: bad messages. */
  dispel(): readonly Reject[] {
    this.#inARow = 0;
    return this.takeAll();
  }

  /** Gives what is held back; how many there were in a row is still remembered. */
  takeAll(): readonly Reject[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }
}

function describe({ rejection: { reason, column, constraint } }: Reject): string {
  const code = reason.replace("sqlstate_", "SQLSTATE ");
  const place = constraint ?? column;
  return place === undefined ? code : `${code}, ${place}`;
}

function wrongSetUp(count: number, reason: string): EtlError {
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `the table refused ${count} rows in a row for one and the same reason (${reason}), and took none`,
    hint: "check the table's constraints and triggers; what was refused last is back in the queue",
  });
}
