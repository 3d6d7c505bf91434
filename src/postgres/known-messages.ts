/** Says of messages whether their rows are stored, and why they were rejected: asked before they are sent again. */

import { arrayLiteral } from "./array-literal.ts";
import type { Database } from "./connect.ts";
import { type LedgerHome, ledgerName } from "./ledger.ts";
import { messageKey } from "./message-key.ts";
import { mayUse, ofQueue, rejectionLogName, statusGrants, timeOfMillis } from "./records.ts";

/** What a queue knows a message by. */
export interface MessageIdentity {
  readonly messageId: string;
  readonly sentAtMillis: number;
}

/** What the database knows of a message. */
export interface KnownMessage {
  /** Whether the ledger has it: its row is in the table, and only its delete was lost. */
  readonly stored: boolean;
  /** Why it was last rejected, where that was recorded. */
  readonly reason?: string;
}

/**
 * Looks messages up.
 *
 * @param queueArn the queue that they were drained from
 * @returns one answer a message, in order
 * @throws EtlError of kind config where there is no ledger, permission where it may not be read
 */
export async function lookUpMessages(
  database: Database,
  home: LedgerHome,
  queueArn: string,
  messages: readonly MessageIdentity[],
): Promise<readonly KnownMessage[]> {
  if (messages.length === 0) return [];
  const options = {
    operation: "look up messages",
    readOnly: true,
    grants: statusGrants(home, database.user),
  };
  const parameters = [
    queueArn,
    arrayLiteral(messages.map(({ sentAtMillis }) => String(sentAtMillis))),
    arrayLiteral(messages.map(({ messageId }) => messageKey(messageId))),
  ];
  const rows = await database.transaction(options, async (transaction) => {
    const recorded = await mayUse(transaction, rejectionLogName(home), "select");
    return await transaction.run(lookUpSql(home, recorded), parameters);
  });
  return rows.map(({ stored, reason }) => ({
    stored: stored as boolean,
    ...(typeof reason === "string" ? { reason } : {}),
  }));
}

function lookUpSql(home: LedgerHome, recorded: boolean): string {
  const reason = recorded
    ? `(select r.reason from ${rejectionLogName(home)} r
      where r.sent_at = asked.sent_at and r.message_key = asked.message_key and r.${ofQueue(home, "$1")} limit 1)`
    : "null::text";
  return `
  select exists (
      select from ${ledgerName(home)} l
      where l.sent_at = asked.sent_at and l.message_id = asked.message_key and l.${ofQueue(home, "$1")}
    ) as stored, ${reason} as reason
  from (
    select ${timeOfMillis("sent_at_millis")} as sent_at, message_key::uuid as message_key, place
    from unnest($2::text[], $3::text[]) with ordinality as bound (sent_at_millis, message_key, place)
  ) as asked
  order by place`;
}
