/** The ledger: the names of etl's own tables, who may use them, and whether a queue's entries can be relied on. */

import { EtlError } from "../errors.ts";
import type { Conflict } from "../message/mapping.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import {
  askForGrants,
  objectSql,
  type ReadOptions,
  readObjects,
  type TableDescription,
  tableSql,
  type UniqueIndex,
} from "./catalog.ts";
import type { Database } from "./connect.ts";
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

const everything = ["select", "insert", "update", "delete"] as const;
type Privilege = (typeof everything)[number];

/** The tables of etl's own, and what a user needs on each of them to drain. Everyone may read the list of migrations. */
const needs = {
  etl_queue: ["select", "insert"],
  etl_ledger: ["select", "insert", "delete"],
  etl_run: everything,
  etl_rejection: everything,
  etl_migration: [],
} as const satisfies Readonly<Record<string, readonly Privilege[]>>;

type OwnTable = keyof typeof needs;

/** The tables of etl's own. */
export const ownTables = Object.keys(needs) as readonly OwnTable[];

const nameOf =
  (name: OwnTable) =>
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
    `grant ${needs.etl_ledger.join(", ")} on ${ledgerName(home)}`,
    `grant ${needs.etl_queue.join(", ")} on ${queueListName(home)}`,
  ].map((grant) => `${grant} to ${grantee}`);
}

/** What an administrator types to let a user write and prune the ledger. */
export function ledgerGrants(home: LedgerHome, user: string): string {
  return loadGrantStatements(home, user).join("; ");
}

/** What an administrator types to let a user keep the records of runs and rejections, and prune them. */
export function recordGrants(home: LedgerHome, user: string): string {
  const records = `${runLogName(home)}, ${rejectionLogName(home)}`;
  return `grant ${everything.join(", ")} on ${records} to ${quoteName(user)}`;
}

/** What an administrator types to let a user look at the ledger and the records. */
export function statusGrants(home: LedgerHome, user: string): string {
  const tables = [ledgerName(home), queueListName(home), runLogName(home), rejectionLogName(home)];
  const grantee = quoteName(user);
  return `grant usage on schema ${quoteName(home.schema)} to ${grantee}; grant select on ${tables.join(", ")} to ${grantee}`;
}

/** What the catalog says of a table of etl's own. */
interface OwnTableState {
  readonly exists: boolean;
  readonly unlogged: boolean;
  /** What the user may do with it; nothing if it does not exist. */
  readonly may: readonly Privilege[];
}

/** What the catalog says of etl's own tables. */
export interface OwnTables extends Readonly<Record<OwnTable, OwnTableState>> {
  /** Columns and indexes of the ledger, if there is one. */
  readonly ledger?: Pick<TableDescription, "columns" | "uniqueIndexes">;
  /** Whether the list of queues has the key that keeps a queue from being registered twice. */
  readonly queueHasKey: boolean;
}

/**
 * Asks the catalog for etl's own tables: which there are, and what the user may do with them. No privilege on the
 * tables themselves is needed.
 */
export async function readOwnTables(
  database: Database,
  home: LedgerHome,
  options: ReadOptions,
): Promise<OwnTables> {
  const names = Object.fromEntries(ownTables.map((name) => [name, nameOf(name)(home)]));
  const [own] = await readObjects<OwnTables>(database, options, [ownTablesSql, JSON.stringify(names)]);
  return own as OwnTables;
}

const stateSql = `
    select ${objectSql({
      exists: "oid is not null",
      unlogged: "exists (select from pg_catalog.pg_class c where c.oid = own.oid and c.relpersistence = 'u')",
      may: `(
        select coalesce(pg_catalog.json_agg(privilege), '[]')
        from pg_catalog.unnest('{${everything.join()}}'::text[]) as privilege
        where pg_catalog.has_table_privilege(oid, privilege)
      )`,
    })} from own`;

const ownTablesSql = `
  with own as materialized (
    select key as name, pg_catalog.to_regclass(value)::oid as oid from pg_catalog.json_each_text($1::text::json)
  )
  select ${objectSql({
    ...Object.fromEntries(ownTables.map((name) => [name, `(${stateSql} where name = '${name}')`])),
    ledger: `(${tableSql("(select oid from own where name = 'etl_ledger')")})`,
    // Whatever the order of its columns, a conflict is found by it.
    queueHasKey: `exists (
      select from own join pg_catalog.pg_index i on i.indrelid = own.oid
      where own.name = 'etl_queue' and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
        and (
          select pg_catalog.array_agg(a.attname::text order by a.attname)
          from pg_catalog.unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
          left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0
          where k.place <= i.indnkeyatts
        ) = array['arn', 'table_name']
    )`,
  })}`;

/** What a user lacks on tables of etl's own that exist, such as `delete on public.etl_ledger`. */
export function lackingOn(home: LedgerHome, own: OwnTables, tables: readonly OwnTable[]): readonly string[] {
  return tables.flatMap((table) =>
    needs[table]
      .filter((privilege) => own[table].exists && !own[table].may.includes(privilege))
      .map((privilege) => `${privilege} on ${nameOf(table)(home)}`),
  );
}

/** A queue as it is asked for by whoever drains it. */
export interface QueueIdentity {
  readonly arn: string;
  /** How long the queue keeps a message. */
  readonly retentionSeconds: number;
}

/**
 * Finds the number that stands for a queue and the table that it is drained into, or gives them one. It goes by the
 * ARN: two URLs of one queue must not store a message twice.
 *
 * Checks that the ledger will recognise what comes again, also after a crash of the server, and still holds what runs have
 * stored: each run records the sending times of some of its messages, and those that the queue may deliver again must be
 * in the ledger. That is not checked if the user may not read `etl_run`.
 *
 * @throws EtlError of kind config, with a statement that mends it: `ledger_missing`, `ledger_key`, `ledger_unlogged`,
 * `queue_key`, `ledger_older`, `ledger_newer`, `ledger_other_table` and `ledger_elsewhere` (another one has what was stored from this
 * queue), `ledger_forgot`
 */
export async function registerQueue(
  database: Database,
  home: LedgerHome,
  queue: QueueIdentity,
  table: TargetTable,
): Promise<number> {
  const list = queueListName(home);
  const options = { operation: "register queue", grants: askForGrants(table.sqlName) };
  const own = await requireLedger(database, home, table, options);
  const ask = () => readQueue(database, home, own, { ...queue, table }, options);
  let known = await ask();
  const refusal = await queueRefusal(database, home, own, { ...queue, table }, known, options);
  if (refusal !== undefined) throw refusal;
  if (known.number === undefined) {
    const text = `insert into ${list} (arn, table_name) values ($1, $2) on conflict (arn, table_name) do nothing`;
    await database.runOnce(options, { text, parameters: [queue.arn, table.sqlName] });
    known = await ask();
    // A list that was made anew gives a number that runs remember.
    const forgot = forgetfulness(home, known);
    if (forgot !== undefined) throw forgot;
  }
  return known.number as number;
}

/**
 * Checks that the ledger is there and will recognise what comes again, also after a crash of the server.
 *
 * @throws EtlError of kind config: `ledger_missing`, `ledger_key`, `ledger_unlogged`
 */
export async function requireLedger(
  database: Database,
  home: LedgerHome,
  table: TargetTable,
  options: ReadOptions,
): Promise<OwnTables> {
  const own = await readOwnTables(database, home, options);
  if (own.etl_ledger.exists) {
    requireIntact(own, home);
    return own;
  }
  const purpose = "which keeps redelivered messages from being stored twice";
  throw problem(
    "ledger_missing",
    `schema ${home.schema} has no ledger, ${purpose}`,
    migrateHint(table, home),
  );
}

/**
 * Why a queue is not drained, of kind config: its ledger has lost entries, another ledger or table has what was stored from
 * it, or it could be registered twice. Undefined if nothing is in the way.
 *
 * @param own from {@link readOwnTables}
 * @param known from {@link readQueue}
 * @throws EtlError if the database does not answer
 */
export async function queueRefusal(
  database: Database,
  home: LedgerHome,
  own: OwnTables,
  { arn, table }: QueueIdentity & { readonly table: TargetTable },
  known: KnownQueue,
  options: ReadOptions,
): Promise<EtlError | undefined> {
  if (known.number !== undefined) return forgetfulness(home, known);
  if (known.gone !== undefined) {
    const [here, there] = [sqlLiteral(table.sqlName), sqlLiteral(known.gone)];
    return problem(
      "ledger_other_table",
      `this queue was drained into ${known.gone}, which is gone: if ${table.sqlName} is to take its place, say so`,
      `update ${queueListName(home)} set table_name = ${here} where table_name = ${there}`,
    );
  }
  const beside =
    home.schema === table.schema ? undefined : await ledgerBeside(database, home, arn, table, options);
  return beside ?? (own.queueHasKey ? undefined : queueListKey(queueListName(home)));
}

function forgetfulness(home: LedgerHome, { number, forgotten }: KnownQueue): EtlError | undefined {
  if (forgotten === undefined) return undefined;
  return problem(
    "ledger_forgot",
    `${ledgerName(home)} has lost entries of this queue, such as that of a message sent at ${forgotten}: messages that come again would be stored again. Restore the ledger, or accept that`,
    `update ${runLogName(home)} set forgotten_at = now() where queue_id = ${number}`,
  );
}

function queueListKey(list: string): EtlError {
  return problem(
    "queue_key",
    `${list} has not its key: a queue could be registered twice, and its messages be stored twice`,
    `create unique index on ${list} (arn, table_name)`,
  );
}

/** What the ledger knows of a queue and the table that it is drained into. */
interface KnownQueue {
  /** Undefined if it has no number. */
  readonly number?: number;
  /** When the oldest message was sent that a run stored and the ledger has forgotten. */
  readonly forgotten?: string;
  /** Another table that the queue was drained into, and that is not there any more. */
  readonly gone?: string;
}

interface QueueQuestion {
  readonly table: TargetTable;
  /** Without it, only the migrations are looked at. */
  readonly arn?: string;
  /** Without it, nothing is called forgotten. */
  readonly retentionSeconds?: number;
}

/**
 * Asks for a queue, in one round trip.
 *
 * @param own from {@link readOwnTables}
 * @throws EtlError of kind config, code `ledger_older` or `ledger_newer`, if the migrations are not those of this version
 */
export async function readQueue(
  database: Database,
  home: LedgerHome,
  own: OwnTables,
  { arn, retentionSeconds, table }: QueueQuestion,
  options: ReadOptions,
): Promise<KnownQueue> {
  if (!own.etl_migration.exists) requireMigrated([], home, table);
  const migrations = `(select coalesce(json_agg(number order by number), '[]') from ${nameOf("etl_migration")(home)})`;
  const retention = own.etl_run.may.includes("select") ? retentionSeconds : undefined;
  const question =
    arn === undefined
      ? ([`select ${objectSql({ migrations })}`] as const)
      : ([queueSql(home, migrations, retention), arn, table.sqlName] as const);
  type Found = KnownQueue & { readonly migrations: readonly number[] };
  const [found] = await readObjects<Found>(database, options, question);
  requireMigrated(found?.migrations ?? [], home, table);
  return found ?? {};
}

/**
 * A table that was renamed is not another one, into which each message that comes again would be stored again.
 *
 * The ledger may have lost what is older than the retention: it is pruned a day later, by the same clock. If the retention
 * was raised, what was pruned before does not come again. The limit makes the planner look each time up by the key.
 */
function queueSql(home: LedgerHome, migrations: string, retentionSeconds: number | undefined): string {
  const forgotten = `(
    select ${utcText("min(stored.sent_at)")}
    from ${runLogName(home)} r cross join unnest(r.stored_sent_at) as stored (sent_at)
    where r.queue_id = q.queue_id and r.forgotten_at is null
      and stored.sent_at > now() - make_interval(secs => least(r.retention_seconds, ${retentionSeconds}))
      and (
        select 1 from ${ledgerName(home)} l
        where l.sent_at = stored.sent_at and l.queue_id = q.queue_id limit 1
      ) is null
  )`;
  return `
  with known as materialized (select queue_id, table_name from ${queueListName(home)} where arn = $1::text),
    q as (select queue_id from known where table_name = $2::text)
  select ${objectSql({
    migrations,
    number: "(select queue_id from q)",
    ...(retentionSeconds === undefined ? {} : { forgotten: `(select ${forgotten} from q)` }),
    gone: `(
      select table_name from known where not exists (
        select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where array[n.nspname, c.relname]::text[] = pg_catalog.parse_ident(table_name)
      ) limit 1
    )`,
  })}`;
}

/** A ledger that moves to a schema of its own takes along what it knows. */
async function ledgerBeside(
  database: Database,
  home: LedgerHome,
  arn: string,
  table: TargetTable,
  options: ReadOptions,
): Promise<EtlError | undefined> {
  const [list, ledger] = [queueListName(table), ledgerName(table)];
  const own = await readOwnTables(database, table, options);
  if (![own.etl_queue, own.etl_ledger].every(({ may }) => may.includes("select"))) return undefined;
  const text = `
    select to_json(queue_id) from ${list} as queue
    where arn = $1::text and coalesce(to_json(queue) ->> 'table_name', $2::text) = $2::text
      and exists (select from ${ledger} l where l.queue_id = queue.queue_id)`;
  const [number] = await readObjects<number>(database, options, [text, arn, table.sqlName]);
  if (number === undefined) return undefined;
  const values = `(${sqlLiteral(arn)}, ${sqlLiteral(table.sqlName)})`;
  return problem(
    "ledger_elsewhere",
    `${ledger} holds what was stored from this queue, and ${ledgerName(home)} does not: messages that come again would be stored again`,
    `with queue as (insert into ${queueListName(home)} (arn, table_name) values ${values} returning queue_id) insert into ${ledgerName(home)} select l.sent_at, l.message_id, queue.queue_id from ${ledger} l, queue where l.queue_id = ${number}`,
  );
}

/** @throws EtlError if migrations are missing, or there are more than this version knows */
function requireMigrated(applied: readonly number[], home: LedgerHome, table: TargetTable): void {
  const { schema } = home;
  const missing = missingMigrations(applied, schema);
  if (missing.length === 0) return;
  const which = missing.map(({ number }) => number).join(", ");
  const message = `the tables of etl in schema ${schema} are older than this etl: they lack migration ${which}`;
  throw problem("ledger_older", message, migrateHint(table, home));
}

/** What to type to make etl's own tables. */
export function migrateHint({ sqlName, schema }: TargetTable, home: LedgerHome): string {
  const elsewhere = home.schema === schema ? "" : ` --ledger-schema ${shellQuoted(home.schema)}`;
  return `etl migrate --table ${shellQuoted(sqlName)}${elsewhere}`;
}

function problem(code: string, message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "read ledger", message, hint, code });
}

function requireIntact(own: OwnTables, home: LedgerHome): void {
  const sqlName = ledgerName(home);
  const again = "messages that come again would be stored again";
  if (!isIntact(own))
    throw problem("ledger_key", `${sqlName} has not its key: ${again}`, ledgerKeyHint(own, home));
  if (own.etl_ledger.unlogged) {
    const message = `${sqlName} is unlogged: after a crash of the server, ${again}`;
    throw problem("ledger_unlogged", message, `alter table ${sqlName} set logged`);
  }
}

/** The columns of the ledger's key, and their types. */
const ledgerKey = { sent_at: "timestamp with time zone", message_id: "uuid", queue_id: "integer" };

/**
 * Whether the ledger has the columns and the key that a migration makes: without them, nothing conflicts in it. A key that is
 * checked late makes each load fail, whatever other key there is.
 */
export function isIntact(own: OwnTables): boolean {
  const { ledger } = own;
  if (ledger === undefined) return false;
  const names = Object.keys(ledgerKey);
  const isKey = ({ columns, defect }: UniqueIndex) => defect === undefined && columns.join() === names.join();
  const types = names.map((name) => ledger.columns.find((column) => column.name === name)?.declaredType);
  const isTyped = types.join() === Object.values(ledgerKey).join();
  return isTyped && ledger.uniqueIndexes.some(isKey) && lateKey(own) === undefined;
}

/** What to type to give a ledger its key. It is not a primary key, as there may be another. */
export function ledgerKeyHint(own: OwnTables, home: LedgerHome): string {
  const columns = Object.keys(ledgerKey).join(", ");
  const late = lateKey(own);
  return late === undefined
    ? `create unique index on ${ledgerName(home)} (${columns})`
    : `alter table ${ledgerName(home)} drop constraint ${quoteName(late.name)}, add unique (${columns})`;
}

function lateKey({ ledger }: OwnTables): UniqueIndex | undefined {
  const key = Object.keys(ledgerKey).toSorted().join();
  return ledger?.uniqueIndexes.find(
    ({ columns, defect }) => defect === "deferrable" && columns.toSorted().join() === key,
  );
}

/** How long the ledger keeps an entry: SQS may return a deleted message once more, and clocks differ. */
export function keepSecondsOf(retentionSeconds: number): number {
  return retentionSeconds + 24 * 60 * 60;
}

/** A time as every session writes it, whatever its time zone and date style; to the millisecond. */
export function utcText(sql: string): string {
  return `to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
