/** What becomes of a message: the processor's answer, which its caller turns into a delete, a dead letter or a give-back. */

import type { EtlError } from "../errors.ts";
import type { MappedMessage, Rejection } from "../message/message.ts";

/** The `code` of an `EtlError` of a load whose commit was sent and never answered. */
export const commitUnknown = "commit_unknown";

/** A message whose rows are durable, by this call or an earlier one: it may be deleted. */
export type Durable =
  /** This call committed its rows. */
  | { readonly kind: "stored"; readonly rows: number }
  /** The ledger has it: its rows were committed before. */
  | { readonly kind: "duplicate" }
  /** The ledger took it, and the table kept another or a newer row of its key. */
  | { readonly kind: "superseded" };

/** A message that cannot become a row. Nothing of it is stored. */
export interface Rejected {
  readonly kind: "rejected";
  readonly rejection: Rejection;
  /** Whether the mapping or the table refused it. */
  readonly by: "mapping" | "table";
  /**
   * Set if the table or its permissions may be the cause, every row would meet it, and the load stored nothing: the error
   * to end a run with.
   */
  readonly suspect?: EtlError | undefined;
  /** Set if the table is known to take other rows while it refuses this one: there is nothing to wait for. */
  readonly isProven?: true;
}

/** No partition takes its row. Nothing of it is stored, and it stays in the queue until there is one. */
export interface Postponed {
  readonly kind: "postponed";
  /** Set if every row may miss it: the error to end a run with. If not, there is a partition for the present, and the row is late. */
  readonly suspect?: EtlError | undefined;
}

/** What the table made of one message. */
export type Fate = Durable | Rejected | Postponed;

/** An error ended the load. If `mayBeStored`, a commit was sent and not answered; to process it again is safe. */
export interface Unsettled {
  readonly kind: "unsettled";
  readonly error: unknown;
  readonly mayBeStored: boolean;
}

/** A message that a load has not settled. */
export interface Failed extends Unsettled {
  /** Set if it failed with no other message in its statement, in a session that lives on. */
  readonly alone?: Alone;
  /** Set if a statement took too long: how many messages it had. */
  readonly tooManyMessages?: number;
}

/** What is known of a message that failed alone. */
export interface Alone {
  /** What it is rejected with if it turns out that the row is at fault. Absent if the error never speaks against a row. */
  readonly rejection?: Rejection;
  /** Whether the table took other rows of the load after it had failed, and before it failed again. */
  readonly besideStored: boolean;
}

/** What became of one message. */
export type Outcome =
  | Fate
  /** A later delivery of the message in the same call is rejected, and stands for this one, too. */
  | { readonly kind: "repeated" }
  | Unsettled;

/** The message is tried again by itself, for as long as the retries allow; the others are not kept waiting for it. */
export interface Delayed {
  readonly kind: "delayed";
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
}

/** Whether the table took a row of the message: one of no rows says nothing of it. */
export function provesTable(outcome: Outcome | Delayed): boolean {
  return outcome.kind === "superseded" || (outcome.kind === "stored" && outcome.rows > 0);
}

/** Whether the ledger has the message. */
export function isDurable({ kind }: Outcome): boolean {
  return kind === "stored" || kind === "duplicate" || kind === "superseded";
}

/** A table and its ledger. */
export interface Loader {
  /**
   * Stores rows and ledger entries, those of a message in one transaction; returns after the commit.
   *
   * @param batch one entry per message id
   * @returns for each message, in order, its fate or why it has none; to load those again is always safe
   * @throws EtlError if it is the same for all of them; `retryable` if the batch may be loaded again
   */
  load(batch: readonly MappedMessage[]): Promise<readonly (Fate | Failed)[]>;
}
