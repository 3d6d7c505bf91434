/** Finds the rows of a batch that Postgres refuses, so that they cost no other row. */

import type { Rejection } from "../message/rejection.ts";
import type { MappedMessage } from "../message/row.ts";
import type { LoadResult } from "../polling/ports.ts";
import type { Transaction } from "./connect.ts";
import { refusalOf } from "./errors.ts";
import type { RowFault } from "./row-errors.ts";

/** What became of no rows. */
export const nothing: LoadResult = { inserted: 0, duplicates: 0, leftOut: 0, rejections: [] };

/** Loads all of a part, or throws and leaves it to the caller to roll back. */
type Load = (transaction: Transaction, part: readonly MappedMessage[]) => Promise<LoadResult>;

/**
 * Loads a batch in halves under savepoints, in the transaction that is open, until the refused rows are alone: those
 * become rejections.
 *
 * Some refusals may be the table's own fault, such as a missing partition or permission. They are a row's where the table
 * takes another row of the batch; where it takes none, they end the run, and nothing is rejected.
 *
 * @throws EtlError what is no refusal; the first of the refusals that may be the table's, where it took no row
 */
export async function loadInHalves(
  transaction: Transaction,
  batch: readonly MappedMessage[],
  load: Load,
): Promise<LoadResult> {
  /** Refusals that may be the table's own fault. */
  const open: unknown[] = [];
  let accepted = false;

  async function loadPart(part: readonly MappedMessage[]): Promise<LoadResult> {
    await transaction.run("savepoint half");
    try {
      const result = await load(transaction, part);
      await transaction.run("release savepoint half");
      accepted ||= result.inserted + result.leftOut > 0;
      return result;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      await transaction.run("rollback to savepoint half; release savepoint half");
      const [first, ...others] = part;
      if (first !== undefined && others.length === 0) {
        if (!refusal.isRows) open.push(error);
        return { ...nothing, rejections: [toRejection(first, refusal.fault)] };
      }
    }
    const middle = Math.ceil(part.length / 2);
    const first = await loadPart(part.slice(0, middle));
    const second = await loadPart(part.slice(middle));
    return {
      inserted: first.inserted + second.inserted,
      duplicates: first.duplicates + second.duplicates,
      leftOut: first.leftOut + second.leftOut,
      rejections: [...first.rejections, ...second.rejections],
    };
  }

  const result = await loadPart(batch);
  if (!accepted && open.length > 0) throw open[0];
  return result;
}

function toRejection({ ref }: MappedMessage, { code, ...place }: RowFault): Rejection {
  return { messageId: ref.messageId, reason: `sqlstate_${code}`, path: "", ...place };
}
