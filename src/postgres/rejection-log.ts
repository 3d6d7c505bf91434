/** Keeps which messages were rejected, where and why: one row a message, and nothing of what it holds. */

import type { Refusal } from "../message/rejection.ts";
import { arrayLiteral } from "./array-literal.ts";
import type { Database } from "./connect.ts";
import type { MessageIdentity } from "./known-messages.ts";
import type { LedgerHome } from "./ledger.ts";
import { messageKey } from "./message-key.ts";
import { ofQueue, recordGrants, rejectionLogName, timeOfMillis } from "./records.ts";

/** A message that was rejected. */
export interface RejectionRecord extends Refusal {
  readonly messageId: string;
  readonly sentAtMillis: number;
}

/**
 * Records rejections; a message that is known already is counted once more, and its latest reason stands.
 *
 * @param queueId from `registerQueue`
 * @throws EtlError of kind config where there is no table for it, permission where the user may not
 */
export async function recordRejections(
  database: Database,
  home: LedgerHome,
  queueId: number,
  entries: readonly RejectionRecord[],
  signal?: AbortSignal,
): Promise<void> {
  // One statement must not meet the same row twice.
  const counted = new Map<string, { readonly entry: RejectionRecord; readonly times: number }>();
  for (const entry of entries) {
    const key = `${entry.sentAtMillis} ${messageKey(entry.messageId)}`;
    counted.set(key, { entry, times: (counted.get(key)?.times ?? 0) + 1 });
  }
  if (counted.size === 0) return;
  const rows = [...counted.values()];
  const column = (cell: (entry: RejectionRecord) => string | undefined) =>
    arrayLiteral(rows.map(({ entry }) => cell(entry) ?? null));
  const parameters = [
    queueId,
    column(({ sentAtMillis }) => String(sentAtMillis)),
    column(({ messageId }) => messageKey(messageId)),
    column(({ messageId }) => messageId),
    column(({ reason }) => reason),
    column(({ path }) => path),
    column((entry) => entry.column),
    column(({ constraint }) => constraint),
    arrayLiteral(rows.map(({ times }) => String(times))),
  ];
  const options = {
    operation: "record rejections",
    grants: recordGrants(home, database.user),
    ...(signal === undefined ? {} : { signal }),
  };
  await database.transaction(options, (transaction) => transaction.run(recordSql(home), parameters));
}

/**
 * Removes what is recorded of messages that are no longer rejected. Does nothing where rejections are not recorded.
 *
 * @param queueArn the queue that they were rejected from
 * @throws EtlError of kind permission where the user may not
 */
export async function removeRejections(
  database: Database,
  home: LedgerHome,
  queueArn: string,
  messages: readonly MessageIdentity[],
): Promise<void> {
  const parameters = [
    queueArn,
    arrayLiteral(messages.map(({ sentAtMillis }) => String(sentAtMillis))),
    arrayLiteral(messages.map(({ messageId }) => messageKey(messageId))),
  ];
  const options = { operation: "remove rejections", grants: recordGrants(home, database.user) };
  await database.transaction(options, async (transaction) => {
    const [found] = await transaction.run("select pg_catalog.to_regclass($1::text) is not null as present", [
      rejectionLogName(home),
    ]);
    if (found?.present === true) await transaction.run(removeSql(home), parameters);
  });
}

/** In the order of the key, so that two that record the same messages do not wait for each other. */
function recordSql(home: LedgerHome): string {
  return `
  insert into ${rejectionLogName(home)} as known (
    sent_at, message_key, queue_id, message_id, reason, path, column_name, constraint_name, times, first_at, last_at
  )
  select ${timeOfMillis("sent_at_millis")} as sent_at, message_key::uuid as message_key, $1::integer,
    message_id, reason, path, column_name, constraint_name, times::integer, now(), now()
  from unnest(
    $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]
  ) as bound (sent_at_millis, message_key, message_id, reason, path, column_name, constraint_name, times)
  order by 1, 2
  on conflict (sent_at, message_key, queue_id) do update
  set reason = excluded.reason, path = excluded.path, column_name = excluded.column_name,
    constraint_name = excluded.constraint_name, times = known.times + excluded.times, last_at = excluded.last_at`;
}

function removeSql(home: LedgerHome): string {
  return `
  delete from ${rejectionLogName(home)} r
  using (
    select ${timeOfMillis("sent_at_millis")} as sent_at, message_key::uuid as message_key
    from unnest($2::text[], $3::text[]) as bound (sent_at_millis, message_key)
  ) as gone
  where r.sent_at = gone.sent_at and r.message_key = gone.message_key and r.${ofQueue(home, "$1")}`;
}
