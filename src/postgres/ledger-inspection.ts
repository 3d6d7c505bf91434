/** Asks the catalog whether the ledger and the records are there, whole, and for the user to use. */

import { EtlError } from "../errors.ts";
import { readTable, type TableDescription } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { type LedgerHome, ledgerName, queueListName } from "./ledger.ts";
import { rejectionLogName, runLogName } from "./records.ts";

/** The ledger beside a table, and the records beside it. */
export interface LedgerDescription {
  /** The name as SQL takes it. */
  readonly sqlName: string;
  /** Those of the ledger and its list of queues that are not there. */
  readonly missing: readonly string[];
  readonly unlogged: boolean;
  /** Whether columns and key are those that a migration makes. */
  readonly intact: boolean;
  /** What the user lacks, such as `delete on public.etl_ledger`. */
  readonly lacking: readonly string[];
  /** Of the records, those that are not there. */
  readonly missingRecords: readonly string[];
  /** What the user lacks on those that are there. */
  readonly lackingRecords: readonly string[];
  /** The number that the queue has in it; undefined where it has none, or where nobody could ask. */
  readonly queueNumber: number | undefined;
}

/**
 * Reads the catalog, and the queue's number; nothing is registered.
 *
 * @param queueArn undefined where it is not known
 * @throws EtlError where the database does not answer
 */
export async function inspectLedger(
  database: Database,
  home: LedgerHome,
  queueArn: string | undefined,
  signal: AbortSignal,
): Promise<LedgerDescription> {
  const [sqlName, listName] = [ledgerName(home), queueListName(home)];
  const everything = ["select", "insert", "update", "delete"];
  const own = await inspectTables(
    database,
    { [sqlName]: ["select", "insert", "delete"], [listName]: ["select", "insert"] },
    signal,
  );
  const records = await inspectTables(
    database,
    { [runLogName(home)]: everything, [rejectionLogName(home)]: everything },
    signal,
  );
  const found = {
    ...own,
    sqlName,
    missingRecords: records.missing,
    lackingRecords: records.lacking,
  };
  if (own.missing.length > 0) return { ...found, intact: false, queueNumber: undefined };
  const intact = isIntact(await readTable(database, sqlName, signal));
  if (queueArn === undefined || own.lacking.includes(`select on ${listName}`)) {
    return { ...found, intact, queueNumber: undefined };
  }
  const options = { operation: "find queue", readOnly: true, signal };
  const [queue] = await database.transaction(options, (transaction) =>
    transaction.run(`select queue_id from ${listName} where arn = $1`, [queueArn]),
  );
  return { ...found, intact, queueNumber: queue?.queue_id as number | undefined };
}

/**
 * Checks that the ledger will recognise what comes again, also after a crash of the server.
 *
 * @throws EtlError `config` where it has not its key, or is unlogged
 */
export async function requireIntactLedger(database: Database, home: LedgerHome): Promise<void> {
  const sqlName = ledgerName(home);
  const ledger = await readTable(database, sqlName);
  if (!isIntact(ledger)) {
    throw unsafe(
      `${sqlName} has not its key: messages that come again would be stored again`,
      ledgerKey(sqlName),
    );
  }
  if (ledger.unlogged) {
    throw unsafe(
      `${sqlName} is unlogged: after a crash of the server, messages that come again would be stored again`,
      `alter table ${sqlName} set logged`,
    );
  }
}

/** What gives the ledger its key again. */
function ledgerKey(sqlName: string): string {
  return `alter table ${sqlName} add primary key (sent_at, message_id, queue_id)`;
}

function unsafe(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "read ledger", message, hint });
}

/** Without its key, a message that comes again conflicts with nothing, and is stored again. */
function isIntact({ columns, uniqueIndexes }: TableDescription): boolean {
  const key = ["sent_at", "message_id", "queue_id"];
  const types = key.map((name) => columns.find((column) => column.name === name)?.declaredType);
  const isKeyed = uniqueIndexes.some(
    ({ columns: indexed, defect }) => defect === undefined && indexed.join() === key.join(),
  );
  return isKeyed && types.join() === "timestamp with time zone,uuid,integer";
}

/** What the catalog says of some tables together. */
interface TableStates {
  readonly missing: readonly string[];
  readonly lacking: readonly string[];
  readonly unlogged: boolean;
}

async function inspectTables(
  database: Database,
  needs: Readonly<Record<string, readonly string[]>>,
  signal: AbortSignal,
): Promise<TableStates> {
  const options = { operation: "inspect ledger", readOnly: true, signal };
  const pairs = Object.entries(needs).flatMap(([name, privileges]) =>
    privileges.map((privilege) => ({ name, privilege })),
  );
  const [row] = await database.transaction(options, (transaction) =>
    transaction.run(statesSql, [JSON.stringify(pairs)]),
  );
  return {
    missing: JSON.parse(row?.missing as string),
    lacking: JSON.parse(row?.lacking as string),
    unlogged: row?.unlogged as boolean,
  };
}

/** A privilege on a table that is not there is null, and neither there nor lacking. */
const statesSql = `
  with needed as (
    select place, name, privilege, pg_catalog.to_regclass(name)::oid as oid
    from pg_catalog.json_array_elements($1::text::json) with ordinality as pair (value, place),
         pg_catalog.json_to_record(pair.value) as parts (name text, privilege text)
  )
  select
    (select coalesce(pg_catalog.json_agg(distinct name), '[]')::text from needed where oid is null) as missing,
    (
      select coalesce(pg_catalog.json_agg(privilege || ' on ' || name order by place), '[]')::text
      from needed where not pg_catalog.has_table_privilege(oid, privilege)
    ) as lacking,
    exists (
      select from pg_catalog.pg_class c where c.oid in (select oid from needed) and c.relpersistence = 'u'
    ) as unlogged`;
