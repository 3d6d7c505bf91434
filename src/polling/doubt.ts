/** Tells bad messages from a wrong set-up: where too many come to nothing, with no row between them, it is the set-up. */

import { EtlError } from "../errors.ts";
import type { Rejection } from "../message/rejection.ts";
import type { Reject } from "./rejects.ts";

/** So many with no row between them are not a matter of the messages. */
export const suspiciousCount = 50;

/** Messages that were received more often have ended a run before, or have been looked at: they are told of. */
const newReceives = 3;

/** Refusals of the table in a row that have one and the same reason. */
export class Streak {
  #reason = "";
  #count = 0;

  /** @throws EtlError `config` where they are too many */
  add(rejection: Rejection): void {
    const reason = describeRefusal(rejection);
    this.#count = reason === this.#reason ? this.#count + 1 : 1;
    this.#reason = reason;
    if (this.#count >= suspiciousCount) throw wrongTable(this.#count, reason);
  }

  /** The table has taken a row. */
  end(): void {
    this.#count = 0;
  }
}

function describeRefusal({ reason, column, constraint }: Rejection): string {
  const code = reason.replace("sqlstate_", "SQLSTATE ");
  const place = constraint ?? column;
  return place === undefined ? code : `${code}, ${place}`;
}

function wrongTable(count: number, reason: string): EtlError {
  return new EtlError({
    kind: "config",
    operation: "load",
    message: `the table refused ${count} rows in a row for one and the same reason (${reason}), and took none`,
    hint: "check the table's constraints and triggers; what was refused last is back in the queue",
  });
}

/** Messages of a run that became no row, while none did. */
export class Barren {
  #count = 0;
  #new = 0;
  readonly #reasons = new Map<string, number>();

  add({ arrival, rejection: { reason, path } }: Reject): void {
    this.#count += 1;
    if (arrival.ref.receiveCount <= newReceives) this.#new += 1;
    const place = path === "" ? reason : `${reason} at ${path}`;
    this.#reasons.set(place, (this.#reasons.get(place) ?? 0) + 1);
  }

  /**
   * Whether they are enough to tell whose fault it is: then it is their own.
   *
   * @throws EtlError `config` where most of them are new: it is the mapping's
   */
  judge(): boolean {
    if (this.#count < suspiciousCount) return false;
    if (2 * this.#new <= this.#count) return true;
    const [[commonest = ""] = []] = [...this.#reasons].toSorted(([, a], [, b]) => b - a);
    throw new EtlError({
      kind: "config",
      operation: "map",
      message: `none of ${this.#count} messages became a row; most often: ${commonest}`,
      hint: `etl drain --dry-run shows it; what was held back is in the queue again, and if it is the messages that are bad, run it again: what is received for the ${newReceives + 1}th time is rejected`,
    });
  }
}
