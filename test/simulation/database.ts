/** The database as a load sees it: a ledger and a table that are committed together or not at all. */

import { EtlError } from "../../src/errors.ts";
import type { MappedMessage } from "../../src/message/message.ts";
import type { Fate } from "../../src/processing/outcome.ts";

/** What the table makes of a batch at the moment of its commit. */
export interface CommitWorld {
  /** Whether what is doubtful is refused at this moment. */
  readonly hasConstraint: boolean;
  /** Whether every row is refused, by what may be the table's own fault. */
  readonly isSuspect: boolean;
}

/** A table and its ledger. */
export class SimulatedDatabase {
  /** Rows by message id. */
  readonly ledger = new Map<string, number>();

  /** Commits a batch: rows and ledger entries of what is neither known nor refused. */
  commit(
    batch: readonly MappedMessage[],
    { hasConstraint, isSuspect }: CommitWorld,
    onStored: (id: string) => void,
  ): readonly Fate[] {
    const known = new Set<string>();
    return batch.map(({ ref: { messageId }, rows }): Fate => {
      // The statement would store both.
      if (known.has(messageId)) throw new Error(`${messageId} is twice in one load`);
      known.add(messageId);
      if (this.ledger.has(messageId)) return { kind: "duplicate" };
      const nature = rows[0]?.[0];
      const rejection = { messageId, reason: "sqlstate_23514", path: "" } as const;
      if (isSuspect && rows.length > 0)
        return { kind: "rejected", rejection, by: "table", suspect: suspectError() };
      if (nature === "refused" || (nature === "doubtful" && hasConstraint))
        return { kind: "rejected", rejection, by: "table" };
      this.ledger.set(messageId, rows.length);
      onStored(messageId);
      return { kind: "stored", rows: rows.length };
    });
  }
}

function suspectError(): EtlError {
  return new EtlError({
    kind: "permission",
    operation: "load",
    message: "row-level security",
    retryable: false,
  });
}
