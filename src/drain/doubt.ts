/**
 * Tells bad messages from a wrong set-up: rejections that may be either are held back until a message becomes a row, and
 * where too many of them in a row have one and the same reason, the set-up is wrong and nothing is rejected.
 */

import { EtlError } from "../errors.ts";
import type { Rejection } from "../pipeline/rejection.ts";
import type { Reject } from "./rejects.ts";

/** So many for one reason, with no row between them, are not a matter of the messages. */
const suspiciousInARow = 50;

/** What rejections are doubted for. */
interface DoubtParts {
  /** One text for what counts as one and the same reason; for a person to read. */
  readonly reasonOf: (rejection: Rejection) => string;
  readonly wrongSetUp: (count: number, reason: string) => EtlError;
}

/** Rejections whose meaning is open. */
export class Doubt {
  readonly #parts: DoubtParts;
  #held: Reject[] = [];
  #reason = "";
  #inARow = 0;

  constructor(parts: DoubtParts) {
    this.#parts = parts;
  }

  /**
   * Holds rejections back.
   *
   * @throws EtlError `config` where they are too many of one kind; `takeAll` then gives what is to go back to the queue
   */
  add(rejects: readonly Reject[]): void {
    for (const reject of rejects) {
      this.#held.push(reject);
      const reason = this.#parts.reasonOf(reject.rejection);
      this.#inARow = reason === this.#reason ? this.#inARow + 1 : 1;
      this.#reason = reason;
    }
    if (this.#inARow >= suspiciousInARow) throw this.#parts.wrongSetUp(this.#inARow, this.#reason);
  }

  /** A row has been accepted: the set-up works. Gives what was held back, as what it is: bad messages. */
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

/** Of rows that the table refused while it accepted none. */
export function doubtOfTable(): Doubt {
  return new Doubt({
    reasonOf({ reason, column, constraint }) {
      const code = reason.replace("sqlstate_", "SQLSTATE ");
      const place = constraint ?? column;
      return place === undefined ? code : `${code}, ${place}`;
    },
    wrongSetUp: (count, reason) =>
      new EtlError({
        kind: "config",
        operation: "load",
        message: `the table refused ${count} rows in a row for one and the same reason (${reason}), and took none`,
        hint: "check the table's constraints and triggers; what was refused last is back in the queue",
      }),
  });
}

/** Of messages that became no row while none did. */
export function doubtOfMapping(): Doubt {
  return new Doubt({
    reasonOf: ({ reason, path }) => (path === "" ? reason : `${reason} at ${path}`),
    wrongSetUp: (count, reason) =>
      new EtlError({
        kind: "config",
        operation: "map",
        message: `none of the first ${count} messages became a row, all for one and the same reason: ${reason}`,
        hint: "etl drain --dry-run shows it; the messages are back in the queue, and where it is they that are bad, the next drain rejects them",
      }),
  });
}
