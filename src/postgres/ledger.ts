/** The ledger: the names of etl's own tables, who may use them, and whether a queue's entries can be relied on. */

import { EtlError } from "../errors.ts";
import type { Conflict } from "../message/mapping.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import { mayUse, readTable, type TableDescription, tableExists, type UniqueIndex } from "./catalog.ts";
import type { Database, Transaction } from "./connect.ts";
import { quoteName, quoteTable, sqlLiteral } from "./identifier.ts";
import { missingMigrations } from "./migrations.ts";

/** Where etl's own tables are. */
export interface LedgerHome {
  readonly schema: string;
}

/** The table that rows go to. */
export type TargetTable = Pick<TableDescription, "schema" | "sqlName">;

/** Beside the target table, unless `[ledger] schema` names another place. */
export function ledgerHome(table: LedgerHome, ledger?: { readonly schema?: string | undefined }): LedgerHome {
  return { schema: ledger?.schema ?? table.schema };
}

/** The tables of etl's own. */
export const ownTables: readonly string[] = [
  "etl_queue",
  "etl_ledger",
  "etl_run",
  "etl_rejection",
  "etl_migration",
];

const nameOf =
  (name: string) =>
  ({ schema }: LedgerHome) =>
    quoteTable({ schema, name });

/** The name of the list of stored messages, as SQL takes it. */
export const ledgerName = nameOf("etl_ledger");
/** The name of the list of queues, by the tables that they are drained into, as SQL takes it. */
export const queueListName = nameOf("etl_queue");
/** The name of the list of runs, as SQL takes it. */
export const runLogName = nameOf("etl_run");
/** The name of the list of rejected messages, as SQL takes it. */
export const rejectionLogName = nameOf("etl_rejection");

/** What a user needs on the target table, by what becomes of a row that meets another one. */
export const neededPrivileges: Readonly<Record<Conflict["action"], readonly string[]>> = {
  reject: ["insert"],
  ignore: ["select", "insert"],
  update: ["select", "insert", "update"],
};

/** A table that is loaded into. */
export interface Load {
  readonly table: TargetTable;
  /** @defaultValue `reject` */
  readonly action?: Conflict["action"];
}

/** The statements that let a user load into a table, if one is given, and write and prune the ledger. */
export function loadGrantStatements(home: LedgerHome, user: string, load?: Load): readonly string[] {
  const grantee = quoteName(user);
  const schemas = new Set([...(load === undefined ? [] : [load.table.schema]), home.schema]);
  const rows =
    load && `grant ${neededPrivileges[load.action ?? "reject"].join(", ")} on ${load.table.sqlName}`;
  return [
    ...Array.from(schemas, (schema) => `grant usage on schema ${quoteName(schema)}`),
    ...(rows === undefined ? [] : [rows]),
    `grant select, insert, delete on ${ledgerName(home)}`,
    `grant select, insert on ${queueListName(home)}`,
  ].map((grant) => `${grant} to ${grantee}`);
}

/** {@link loadGrantStatements} as one line, for an administrator to type. */
export function loadGrants(home: LedgerHome, user: string, load?: Load): string {
  return loadGrantStatements(home, user, load).join("; ");
}

/** What an administrator types to let a user keep the records of runs and rejections, and prune them. */
export function recordGrants(home: LedgerHome, user: string): string {
  const records = `${runLogName(home)}, ${rejectionLogName(home)}`;
  return `grant select, insert, update, delete on ${records} to ${quoteName(user)}`;
}

/** What an administrator types to let a user look at the ledger and the records. */
export function statusGrants(home: LedgerHome, user: string): string {
  const tables = [ledgerName(home), queueListName(home), runLogName(home), rejectionLogName(home)];
  const grantee = quoteName(user);
  return `grant usage on schema ${quoteName(home.schema)} to ${grantee}; grant select on ${tables.join(", ")} to ${grantee}`;
}

/**
 * Finds the number that stands for a queue and the table that it is drained into, or gives them one. It goes by the
 * ARN: two URLs of one queue must not store a message twice.
 *
 * @throws EtlError of kind config: there is no ledger, its migrations are not those of this version, or another one or
 * another table's name has what was stored from this queue
 */
export async function registerQueue(
  database: Database,
  home: LedgerHome,
  arn: string,
  table: TargetTable,
): Promise<number> {
  const list = queueListName(home);
  const options = { operation: "register queue", grants: loadGrants(home, database.user, { table }) };
  return await database.transaction(options, async (transaction) => {
    if (!(await tableExists(transaction, ledgerName(home)))) {
      const purpose = "which keeps redelivered messages from being stored twice";
      throw problem("ledger_missing", `schema ${home.schema} has no ledger, ${purpose}`, migrateHint(table));
    }
    await requireMigrated(transaction, home, table);
    const find = async () => {
      const rows = await transaction.run(tablesSql(home), [arn]);
      const known = rows.find(({ table_name }) => table_name === table.sqlName);
      return {
        number: known?.queue_id as number | undefined,
        gone: rows.find(({ there }) => there === false),
      };
    };
    const { number, gone } = await find();
    if (number !== undefined) return number;
    if (gone !== undefined) {
      const was = gone.table_name as string;
      throw problem(
        "ledger_other_table",
        `this queue was drained into ${was}, which is gone: if ${table.sqlName} is to take its place, say so`,
        `update ${list} set table_name = ${sqlLiteral(table.sqlName)} where table_name = ${sqlLiteral(was)}`,
      );
    }
    if (home.schema !== table.schema) await requireNoneBeside(transaction, home, arn, table);
    const insert = `insert into ${list} (arn, table_name) values ($1, $2) on conflict do nothing`;
    await transaction.run(insert, [arn, table.sqlName]);
    return (await find()).number as number;
  });
}

/** A table that was renamed is not another one, into which each message that comes again would be stored again. */
function tablesSql(home: LedgerHome): string {
  return `
  select queue_id, table_name, exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where array[n.nspname, c.relname]::text[] = pg_catalog.parse_ident(table_name)
  ) as there
  from ${queueListName(home)} where arn = $1`;
}

/** A ledger that moves to a schema of its own takes along what it knows. */
async function requireNoneBeside(
  transaction: Transaction,
  home: LedgerHome,
  arn: string,
  table: TargetTable,
): Promise<void> {
  const [list, ledger] = [queueListName(table), ledgerName(table)];
  if (!(await mayUse(transaction, list, "select")) || !(await mayUse(transaction, ledger, "select"))) return;
  const [queue] = await transaction.run(
    `select queue_id from ${list} as queue
     where arn = $1::text and coalesce(to_json(queue) ->> 'table_name', $2::text) = $2::text
       and exists (select from ${ledger} l where l.queue_id = queue.queue_id)`,
    [arn, table.sqlName],
  );
  if (queue === undefined) return;
  const values = `(${sqlLiteral(arn)}, ${sqlLiteral(table.sqlName)})`;
  throw problem(
    "ledger_elsewhere",
    `${ledger} holds what was stored from this queue, and ${ledgerName(home)} does not: messages that come again would be stored again`,
    `with queue as (insert into ${queueListName(home)} (arn, table_name) values ${values} returning queue_id) insert into ${ledgerName(home)} select l.sent_at, l.message_id, queue.queue_id from ${ledger} l, queue where l.queue_id = ${queue.queue_id}`,
  );
}

/**
 * Checks that etl's own tables are those that this version works with.
 *
 * @throws EtlError of kind config, code `ledger_older` or `ledger_newer`
 */
export async function requireMigrated(
  transaction: Transaction,
  { schema }: LedgerHome,
  table: TargetTable,
): Promise<void> {
  const missing = await missingMigrations(transaction, schema);
  if (missing.length === 0) return;
  const which = missing.map(({ number }) => number).join(", ");
  const message = `the tables of etl in schema ${schema} are older than this etl: they lack migration ${which}`;
  throw problem("ledger_older", message, migrateHint(table));
}

const migrateHint = ({ sqlName }: TargetTable) => `etl migrate --table ${shellQuoted(sqlName)}`;

function problem(code: string, message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "read ledger", message, hint, code });
}

/**
 * Checks that the ledger will recognise what comes again, also after a crash of the server.
 *
 * @throws EtlError of kind config if it has lost its key, or is unlogged
 */
export async function requireIntactLedger(database: Database, home: LedgerHome): Promise<void> {
  const sqlName = ledgerName(home);
  const ledger = await readTable(database, sqlName);
  const again = "messages that come again would be stored again";
  if (!isIntact(ledger)) {
    const key = `alter table ${sqlName} add primary key (${ledgerKey.join(", ")})`;
    throw problem("ledger_key", `${sqlName} has not its key: ${again}`, key);
  }
  if (ledger.unlogged) {
    const message = `${sqlName} is unlogged: after a crash of the server, ${again}`;
    throw problem("ledger_unlogged", message, `alter table ${sqlName} set logged`);
  }
}

const ledgerKey = ["sent_at", "message_id", "queue_id"];

/** Whether the ledger's columns and key are those that a migration makes: else nothing conflicts in it. */
export function isIntact({ columns, uniqueIndexes }: TableDescription): boolean {
  const types = ledgerKey.map((name) => columns.find((column) => column.name === name)?.declaredType);
  const isKey = ({ columns: indexed, defect }: UniqueIndex) =>
    defect === undefined && indexed.join() === ledgerKey.join();
  return uniqueIndexes.some(isKey) && types.join() === "timestamp with time zone,uuid,integer";
}

/** How long the ledger keeps an entry: SQS may return a deleted message once more, and clocks differ. */
export function keepSecondsOf(retentionSeconds: number): number {
  return retentionSeconds + 24 * 60 * 60;
}

/**
 * Checks that the ledger still holds what runs have stored. It has forgotten if it holds no entry of the queue, and a
 * run stored rows that the queue may deliver again; unless pruning took the last entry, which `etl_run` says.
 *
 * Does nothing if runs are not recorded, or the user may not read them.
 *
 * @throws EtlError of kind config, code `ledger_forgot`, with the statement that accepts it
 */
export async function requireRememberingLedger(
  database: Database,
  home: LedgerHome,
  { queueId, retentionSeconds }: { readonly queueId: number; readonly retentionSeconds: number },
): Promise<void> {
  const [ledger, runs] = [ledgerName(home), runLogName(home)];
  const options = { operation: "read ledger", readOnly: true, grants: loadGrants(home, database.user) };
  await database.transaction(options, async (transaction) => {
    if (!(await mayUse(transaction, runs, "select"))) return;
    const [run] = await transaction.run(
      `select ${utcText("max(ended_at)")} as ended_at from ${runs}
       where queue_id = $1::integer and inserted > 0 and forgotten_at is null
         and ended_at > now() - make_interval(secs => $2::double precision)`,
      [queueId, keepSecondsOf(retentionSeconds)],
    );
    if (run?.ended_at == null) return;
    // A ledger of several queues may be large, and this one's first entry far from its beginning.
    await transaction.run("set local enable_seqscan = off");
    const entries = await transaction.run(`select from ${ledger} where queue_id = $1::integer limit 1`, [
      queueId,
    ]);
    if (entries.length > 0) return;
    throw problem(
      "ledger_forgot",
      `${ledger} holds nothing of this queue, and a run that ended at ${run.ended_at} stored rows from it: messages that come again would be stored again. Restore the ledger, or accept that`,
      `update ${runs} set forgotten_at = now() where queue_id = ${queueId}`,
    );
  });
}

/** A time as every session writes it, whatever its time zone and date style; to the millisecond. */
export function utcText(sql: string): string {
  return `to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
