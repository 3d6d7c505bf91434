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
  /** Set if the table or its permissions may be the cause, and every row would meet it: the error to end a run with. */
  readonly suspect?: EtlError | undefined;
}

/** What the table made of one message. */
export type Fate = Durable | Rejected;

/** What became of one message. */
export type Outcome =
  | Fate
  /** Another delivery of the message in the same call was rejected, and is dealt with as such. */
  | { readonly kind: "repeated" }
  /** An error ended the load. If `mayBeStored`, a commit was sent and not answered; to process it again is safe. */
  | { readonly kind: "unsettled"; readonly error: unknown; readonly mayBeStored: boolean };

/** Whether the ledger has the message. */
export function isDurable({ kind }: Outcome): boolean {
  return kind === "stored" || kind === "duplicate" || kind === "superseded";
}

/** A table and its ledger. */
export interface Loader {
  /**
   * Stores rows and ledger entries in one transaction; returns after the commit.
   *
   * @param batch one entry per message id
   * @returns a fate for each message, in order
   * @throws EtlError; `retryable` if the same batch may be loaded again, which is always safe
   */
  load(batch: readonly MappedMessage[]): Promise<readonly Fate[]>;
}
