/** The records of runs and rejected messages, for `etl status` and `etl rejects`. A drain works without them. */

import { createHash } from "node:crypto";
import type { Refusal } from "../message/message.ts";
import type { Receipt } from "../polling/receipt.ts";
import type { Database } from "./connect.ts";
import {
  type LedgerHome,
  queueListName,
  readOwnTables,
  recordGrants,
  rejectionLogName,
  runLogName,
} from "./ledger.ts";

/** What a queue knows a message by. */
export interface MessageIdentity {
  readonly messageId: string;
  readonly sentAtMillis: number;
}

/** A queue, and the table that it is drained into. */
export interface DrainedQueue {
  /** The queue's ARN or, if nobody could ask for it, its name. */
  readonly queue: string;
  /** The table's name as SQL takes it, with its schema. */
  readonly table: string;
}

/** The counts of a receipt that are recorded, each in a column of its own name. */
export const runCounts = [
  "received",
  "mapped",
  "inserted",
  "duplicates",
  "rejected",
  "released",
  "unsettled",
  "deleted",
  "requests",
] as const satisfies readonly (keyof Receipt)[];

/** The counts by name of a receipt that are recorded, each as JSON in a column of its own name. */
export const runNamedCounts = [
  "rejections",
  "absent",
  "unmapped",
] as const satisfies readonly (keyof Receipt)[];

/** What a run did, up to now or to its end: its receipt, and what tells it from others. */
export interface RunRecord
  extends Pick<Receipt, (typeof runCounts)[number] | (typeof runNamedCounts)[number] | "seconds"> {
  /** A UUID, the same at each recording of the run. */
  readonly runId: string;
  /** The receipt's word; `running` if the run has not ended. */
  readonly outcome: string;
  /** What kept the run from being faster, if that is known. */
  readonly limit?: string | undefined;
  /** Of the program. */
  readonly version: string;
  /** What the ledger must hold from now on. @defaultValue nothing */
  readonly stored?: StoredMessages;
}

/** Some of the messages that the ledger has. */
export interface StoredMessages {
  /** When they were sent, in milliseconds since 1970. */
  readonly sentAtMillis: readonly number[];
  /** How long the queue keeps a message. */
  readonly retentionSeconds: number;
}

/** A message that was rejected. */
export interface RejectionRecord extends Refusal, MessageIdentity {}

/**
 * Records a run, or what has become of one that was recorded before. Times are the database's own.
 *
 * @param place the queue's number from `registerQueue`, and the table's name as SQL takes it
 * @throws EtlError of kind config if there is no table for it, permission if the user may not
 */
export async function recordRun(
  database: Database,
  home: LedgerHome,
  { queueId, table }: { readonly queueId: number; readonly table: string },
  run: RunRecord,
  signal?: AbortSignal,
): Promise<void> {
  const { runId, seconds, outcome, limit = "", version, stored } = run;
  const texts = [queueId, runId, table, seconds, outcome, limit, version];
  texts.push(JSON.stringify(stored?.sentAtMillis ?? []), stored?.retentionSeconds ?? "");
  texts.push(
    ...runCounts.map((count) => run[count]),
    ...runNamedCounts.map((count) => JSON.stringify(run[count])),
  );
  const parameters = texts.map(String);
  await write(database, home, "record run", signal, recordRunSql(home), parameters);
}

/**
 * What was recorded on an earlier day stays that day's: a run that goes on for weeks has rows of each of them.
 */
function recordRunSql(home: LedgerHome): string {
  const updated = ["ended_at", "outcome", ...runCounts, ...runNamedCounts, "limited_by", "stored_sent_at"];
  const first = 10;
  const counts = runCounts.map((_, index) => `$${index + first}::text::bigint`);
  const named = runNamedCounts.map((_, index) => `$${index + first + runCounts.length}::text::jsonb`);
  return `
  insert into ${runLogName(home)} as known (
    queue_id, run_id, table_name, started_at, ended_at, outcome, limited_by, version, inserted_before,
    stored_sent_at, retention_seconds, ${[...runCounts, ...runNamedCounts].join(", ")}
  )
  select $1::text::integer, $2::text::uuid, $3::text, now() - make_interval(secs => $4::text::double precision), now(),
    $5::text, nullif($6::text, ''), $7::text, 0,
    (select array_agg(${timeOfMillis("millis")}) from json_array_elements_text($8::text::json) as stored (millis)),
    nullif($9::text, '')::integer, ${[...counts, ...named].join(", ")}
  on conflict (queue_id, run_id) do update
  set ${updated.map((column) => `${column} = excluded.${column}`).join(", ")},
    inserted_before = case
      when (known.ended_at at time zone 'UTC')::date < (excluded.ended_at at time zone 'UTC')::date
      then known.inserted
      else known.inserted_before
    end`;
}

/**
 * Records rejections; a message that is known already is counted once more, and its latest reason stands.
 *
 * @param queueId from `registerQueue`
 * @throws EtlError of kind config if there is no table for it, permission if the user may not
 */
export async function recordRejections(
  database: Database,
  home: LedgerHome,
  queueId: number,
  entries: readonly RejectionRecord[],
  signal?: AbortSignal,
): Promise<void> {
  // One statement must not meet the same row twice.
  const rows = new Map<string, RejectionRecord & { readonly key: string; readonly times: number }>();
  for (const entry of entries) {
    const key = messageKey(entry.messageId);
    const id = `${entry.sentAtMillis} ${key}`;
    rows.set(id, { ...entry, key, times: (rows.get(id)?.times ?? 0) + 1 });
  }
  if (rows.size === 0) return;
  const parameters = [String(queueId), JSON.stringify([...rows.values()])];
  await write(database, home, "record rejections", signal, recordRejectionsSql(home), parameters);
}

/** In the order of the key, so that two that record the same messages do not wait for each other. */
function recordRejectionsSql(home: LedgerHome): string {
  return `
  insert into ${rejectionLogName(home)} as known (
    sent_at, message_key, queue_id, message_id, reason, path, column_name, constraint_name, times, first_at, last_at
  )
  select ${timeOfMillis('"sentAtMillis"')} as sent_at, key, $1::integer,
    "messageId", reason, path, "column", "constraint", times, now(), now()
  from json_to_recordset($2::text::json) as bound (
    "sentAtMillis" bigint, key uuid, "messageId" text, reason text, path text, "column" text, "constraint" text,
    times integer
  )
  order by sent_at, key
  on conflict (sent_at, message_key, queue_id) do update
  set reason = excluded.reason, path = excluded.path, column_name = excluded.column_name,
    constraint_name = excluded.constraint_name, times = known.times + excluded.times, last_at = excluded.last_at`;
}

/**
 * Removes what is recorded of messages that are no longer rejected. Does nothing if rejections are not recorded.
 *
 * @param from the queue that they were rejected from
 * @throws EtlError of kind permission if the user may not
 */
export async function removeRejections(
  database: Database,
  home: LedgerHome,
  from: DrainedQueue,
  messages: readonly MessageIdentity[],
): Promise<void> {
  const operation = "remove rejections";
  const grants = recordGrants(home, database.user);
  const { etl_rejection } = await readOwnTables(database, home, { operation, grants });
  if (!etl_rejection.exists) return;
  const text = `
    delete from ${rejectionLogName(home)} r using ${askedSql} as gone
    where r.sent_at = gone.sent_at and r.message_key = gone.message_key and r.${ofQueue(home)}`;
  await write(database, home, operation, undefined, text, askedParameters(from, messages));
}

async function write(
  database: Database,
  home: LedgerHome,
  operation: string,
  signal: AbortSignal | undefined,
  text: string,
  parameters: readonly string[],
): Promise<void> {
  const grants = recordGrants(home, database.user);
  await database.runOnce({ operation, grants, ...(signal && { signal }) }, { text, parameters });
}

/**
 * The numbers of a queue, as a condition on `queue_id`; several, if queues of one name are drained into the table. The
 * first two parameters are those of {@link askedParameters}.
 */
export function ofQueue(home: LedgerHome): string {
  return `queue_id in (
    select queue_id from ${queueListName(home)}
    where $1::text in (arn, split_part(arn, ':', 6)) and table_name = $2::text)`;
}

/** The messages that are asked about, as a source of rows. */
export const askedSql = `(
    select ${timeOfMillis("millis")} as sent_at, key as message_key, place
    from json_to_recordset($3::text::json) as bound (millis bigint, key uuid, place integer)
  )`;

/** The parameters of {@link ofQueue} and {@link askedSql}. */
export function askedParameters(
  { queue, table }: DrainedQueue,
  messages: readonly MessageIdentity[],
): string[] {
  const asked = messages.map(({ sentAtMillis: millis, messageId }, place) => ({
    ...{ millis, key: messageKey(messageId), place },
  }));
  return [queue, table, JSON.stringify(asked)];
}

/** The time that milliseconds since 1970, bound as text, stand for; exact, and the same in ledger and records. */
export function timeOfMillis(sql: string): string {
  return `timestamptz 'epoch' + ${sql}::bigint * interval '1 millisecond'`;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * A message's id as the ledger keeps it: 16 bytes, because as text the ledger would take half as much room again. It is the
 * id itself if that is a UUID, as SQS's are in practice. SQS does not promise that: any other id becomes a UUID of version 8,
 * made of its SHA-256.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.8
 */
export function messageKey(messageId: string): string {
  if (uuid.test(messageId)) return messageId;
  const hash = createHash("sha256").update(messageId).digest();
  hash[6] = 0x80 | ((hash[6] as number) & 0x0f);
  hash[8] = 0x80 | ((hash[8] as number) & 0x3f);
  return hash.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
