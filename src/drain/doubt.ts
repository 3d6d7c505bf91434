/** Tells bad messages from a wrong set-up: where too many come to nothing, with no row between them, it is the set-up. */

import { EtlError } from "../errors.ts";
import type { Rejection } from "../pipeline/rejection.ts";
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

/**
 * Judges messages of which none became a row.
 *
 * @throws EtlError `config` where they are too many, and most of them new: the mapping is wrong
 */
export function judgeMapping(rejects: readonly Reject[]): void {
  const isNew = ({ arrival }: Reject) => arrival.ref.receiveCount <= newReceives;
  if (rejects.length < suspiciousCount || 2 * rejects.filter(isNew).length <= rejects.length) return;
  throw new EtlError({
    kind: "config",
    operation: "map",
    message: `none of ${rejects.length} messages became a row; most often: ${commonest(rejects)}`,
    hint: `etl drain --dry-run shows it; the messages are back in the queue, and if it is they that are bad, run it again: what is received for the ${newReceives + 1}th time is rejected`,
  });
}

function commonest(rejects: readonly Reject[]): string {
  const groups = Map.groupBy(rejects, ({ rejection: { reason, path } }) =>
    path === "" ? reason : `${reason} at ${path}`,
  );
  const [[reason = ""] = []] = [...groups].toSorted(([, a], [, b]) => b.length - a.length);
  return reason;
}
