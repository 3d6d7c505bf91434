/** The database as a load sees it: a ledger and a table that are committed together or not at all. */

import { EtlError } from "../../src/errors.ts";
import type { MappedMessage, Rejection } from "../../src/message/message.ts";
import type { Failed, Fate } from "../../src/processing/outcome.ts";

/** What the table makes of a batch at the moment of its commit. */
export interface CommitWorld {
  /** Whether what is doubtful is refused at this moment. */
  readonly hasConstraint: boolean;
  /** Whether every row is refused, by what may be the table's own fault. */
  readonly isSuspect: boolean;
  /** Whether what is late has a partition. */
  readonly hasPartition: boolean;
}

/** A table and its ledger. */
export class SimulatedDatabase {
  /** Rows by message id. */
  readonly ledger = new Map<string, number>();

  /** Commits a batch: rows and ledger entries of what is neither known nor refused. */
  commit(
    batch: readonly MappedMessage[],
    { hasConstraint, isSuspect, hasPartition }: CommitWorld,
    onStored: (id: string) => void,
  ): readonly (Fate | Failed)[] {
    const known = new Set<string>();
    const outcomes = batch.map(({ ref: { messageId }, rows }): Fate | Failed => {
      // The statement would store both.
      if (known.has(messageId)) throw new Error(`${messageId} is twice in one load`);
      known.add(messageId);
      if (this.ledger.has(messageId)) return { kind: "duplicate" };
      const nature = rows[0]?.[0];
      const rejection = { messageId, reason: "sqlstate_23514", path: "" } as const;
      if (isSuspect && rows.length > 0)
        return { kind: "rejected", rejection, by: "table", suspect: suspectError() };
      if (nature === "late" && !hasPartition) return { kind: "postponed" };
      if (nature === "refused" || (nature === "doubtful" && hasConstraint))
        return { kind: "rejected", rejection, by: "table" };
      if (nature === "raising") return raised(rejection, false);
      this.ledger.set(messageId, rows.length);
      onStored(messageId);
      return { kind: "stored", rows: rows.length };
    });
    const besideStored = outcomes.some((outcome) => outcome.kind === "stored" && outcome.rows > 0);
    return outcomes.map((outcome) =>
      outcome.kind === "unsettled" && outcome.alone?.rejection
        ? raised(outcome.alone.rejection, besideStored)
        : outcome,
    );
  }
}

function raised({ messageId }: Rejection, besideStored: boolean): Failed {
  const rejection = { messageId, reason: "sqlstate_XX000", path: "" } as const;
  return { kind: "unsettled", error: raisedError, mayBeStored: false, alone: { rejection, besideStored } };
}

const raisedError = new EtlError({
  kind: "temporary",
  operation: "load",
  message: "raised",
  retryable: true,
});

function suspectError(): EtlError {
  return new EtlError({
    kind: "permission",
    operation: "load",
    message: "row-level security",
    retryable: false,
  });
}
