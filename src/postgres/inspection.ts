/** Asks the catalogs about the server, the tables and the ledger, for doctor and init; changes nothing. */

import type { EtlError } from "../errors.ts";
import type { Mapping } from "../message/mapping.ts";
import { pseudonymPrefix } from "../message/mask.ts";
import { objectSql, readObjects, type TableDescription } from "./catalog.ts";
import type { Database } from "./connect.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { quoteName, quoteTable } from "./identifier.ts";
import {
  isIntact,
  type LedgerHome,
  lackingOn,
  ledgerKeyHint,
  ledgerName,
  migrateHint,
  neededPrivileges,
  ownTables,
  type QueueIdentity,
  queueRefusal,
  readOwnTables,
  readQueue,
  type TargetTable,
} from "./ledger.ts";
import { loadEvents, triggersSql } from "./table-rules.ts";

/** The server's own words. */
export interface ServerDescription {
  /** Such as 160004. */
  readonly versionNumber: number;
  /** Such as `16.4`. */
  readonly version: string;
  readonly standby: boolean;
  /** Whether the user's transactions may not write by default. */
  readonly readOnly: boolean;
  /** Whether the connection is encrypted, by the server; absent if it does not say. */
  readonly encrypted: boolean | undefined;
  /** Whether the server waits for its disk. */
  readonly fsync: boolean;
}

/**
 * Asks the server what it is.
 *
 * @throws EtlError if it cannot be reached, or does not let the user in
 */
export async function describeServer(database: Database, signal: AbortSignal): Promise<ServerDescription> {
  const [server] = await readObjects<ServerDescription>(database, { operation: "describe server", signal }, [
    serverSql,
  ]);
  return server as ServerDescription;
}

/** Distributions add their own name behind the version. */
const serverSql = `select ${objectSql({
  versionNumber: "pg_catalog.current_setting('server_version_num')::integer",
  version: "coalesce(substring(pg_catalog.current_setting('server_version') from '^[0-9.]+'), '')",
  standby: "pg_catalog.pg_is_in_recovery()",
  readOnly: "pg_catalog.current_setting('default_transaction_read_only') = 'on'",
  encrypted: "(select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid())",
  fsync: "pg_catalog.current_setting('fsync') <> 'off'",
})}`;

/** Whether what is said to the database stays on this machine. */
export function isLocal({ host }: Pick<ConnectionSettings, "host">): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** A table that the user may insert into. */
export interface TableSummary {
  /** The name as SQL takes it, with its schema; also as `--table` takes it. */
  readonly sqlName: string;
  /** How many columns it has. */
  readonly columns: number;
  /** How many rows the server believes are in it; absent if it has not counted yet. */
  readonly estimatedRows: number | undefined;
}

/**
 * Lists the tables and partitioned tables that the user may insert into, those of the search path first.
 *
 * Left out are the server's own, an extension's, temporary ones, partitions (their parent is there), and etl's own.
 * One query of the catalog, which reads no table.
 */
export async function listTables(database: Database, signal?: AbortSignal): Promise<readonly TableSummary[]> {
  type Found = Omit<TableSummary, "sqlName"> & { readonly schema: string; readonly name: string };
  const found = await readObjects<Found>(database, { operation: "list tables", signal }, [tablesSql]);
  return found.map(({ schema, name, ...table }) => ({ ...table, sqlName: quoteTable({ schema, name }) }));
}

const tablesSql = `
  select ${objectSql({
    schema: "n.nspname",
    name: "c.relname",
    columns: `(
      select count(*) from pg_catalog.pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    )`,
    estimatedRows: "case when c.reltuples >= 0 then c.reltuples::double precision end",
  })}
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
    and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and c.relname not in (${ownTables.map((name) => `'${name}'`).join(", ")})
    and pg_catalog.has_schema_privilege(n.oid, 'usage')
    and pg_catalog.has_any_column_privilege(c.oid, 'insert')
    and not exists (
      select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e'
    )
  order by pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname), n.nspname, c.relname`;

/** What meets a row on its way in, and whether the user may send one. */
export interface TableAccess {
  /** What the user lacks, such as `insert`. */
  readonly lacking: readonly string[];
  /** Triggers that run before a row is stored, and may leave it out. */
  readonly rowTriggers: readonly string[];
  /** Rules that rewrite an insert. */
  readonly insertRules: readonly string[];
  /** Whether policies decide which rows the user may insert. */
  readonly rowSecurity: boolean;
  /** The statement that makes a policy, if there is none for inserts of the user: every row is then refused. */
  readonly makePolicy: string | undefined;
}

/**
 * Asks what stands between a row and a table that has been read.
 *
 * @throws EtlError if the database does not answer
 */
export async function inspectTable(
  database: Database,
  { sqlName }: Pick<TableDescription, "sqlName">,
  { columns, conflict }: Mapping,
  signal: AbortSignal,
): Promise<TableAccess> {
  const names = JSON.stringify(columns.map(({ column }) => column));
  const privileges = JSON.stringify(neededPrivileges[conflict.action]);
  const question = [accessSql, sqlName, names, privileges, loadEvents(conflict.action)] as const;
  type Found = Omit<TableAccess, "makePolicy"> & { readonly insertPolicy: boolean };
  const [found] = await readObjects<Found>(database, { operation: "inspect table", signal }, question);
  const { insertPolicy, ...access } = found as Found;
  const policy = `create policy etl_insert on ${sqlName} for insert to ${quoteName(database.user)} with check (true)`;
  return { ...access, makePolicy: access.rowSecurity && !insertPolicy ? policy : undefined };
}

const accessSql = `
  select ${objectSql({
    lacking: `(
      select coalesce(pg_catalog.json_agg(p.name), '[]')
      from pg_catalog.json_array_elements_text($3::text::json) as p (name)
      where exists (
        select from pg_catalog.pg_attribute a
        join pg_catalog.json_array_elements_text($2::text::json) as c (name) on c.name = a.attname
        where a.attrelid = target.oid and not pg_catalog.has_column_privilege(a.attrelid, a.attnum, p.name)
      )
    )`,
    rowTriggers: `(
      select coalesce(pg_catalog.json_agg(distinct t.tgname::text), '[]')
      from ${triggersSql("target.oid", "$4")} and t.tgtype & 3 = 3
    )`,
    insertRules: `(
      select coalesce(pg_catalog.json_agg(r.rulename), '[]')
      from pg_catalog.pg_rewrite r
      where r.ev_class = target.oid and r.ev_type = '3' and r.ev_enabled in ('O', 'A')
    )`,
    rowSecurity: "pg_catalog.row_security_active(target.oid)",
    insertPolicy: `exists (
      select from pg_catalog.pg_policy p cross join pg_catalog.unnest(p.polroles) as r (oid)
      where p.polrelid = target.oid and p.polpermissive and p.polcmd in ('a', '*')
        and (r.oid = 0 or pg_catalog.pg_has_role(current_user, r.oid, 'usage'))
    )`,
  })}
  from (select $1::text::regclass::oid as oid) as target`;

/** So many rows are looked at: enough to meet another key, and no scan of a large table. */
const rowsLookedAt = 1000;

/**
 * The ids of the keys under which the first rows of a table were masked.
 *
 * @param columns those that are masked under a key
 * @param signal ends the look, with the connection
 * @returns undefined if the user may not read the columns, which a drain need not
 * @throws EtlError if the database does not answer
 */
export async function maskKeysIn(
  database: Database,
  table: Pick<TableDescription, "sqlName" | "columns">,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  // Not left to the server: a refusal would be an error in its log, at each start.
  if (table.columns.some(({ name, readable }) => columns.includes(name) && !readable)) return undefined;
  const values = columns.map((column) => `${quoteName(column)}::text`).join(", ");
  const names = columns.map((_, index) => `v${index + 1}`).join(", ");
  const text = `
    select to_json(key_id) from (
      select distinct substr(value, ${pseudonymPrefix.length + 1}, 8) as key_id
      from (select ${values} from ${table.sqlName} limit ${rowsLookedAt}) as looked_at (${names}),
        unnest(array[${names}]) as value
      where value ~ '^${pseudonymPrefix}[0-9a-f]{8}:'
    ) as met
    order by key_id`;
  return await readObjects<string>(database, { operation: "read masked rows", signal }, [text]);
}

/** The ledger and the records of a table. */
export interface LedgerDescription {
  /** The name as SQL takes it. */
  readonly sqlName: string;
  /** Those of the ledger and its list of queues that are not there. */
  readonly missing: readonly string[];
  readonly unlogged: boolean;
  /** Whether columns and key are those that a migration makes. */
  readonly intact: boolean;
  /** What to type if they are not. */
  readonly makeKey: string;
  /** What the user lacks, such as `delete on public.etl_ledger`. */
  readonly lacking: readonly string[];
  /** Of the records, those that are not there. */
  readonly missingRecords: readonly string[];
  /** What the user lacks on those that are there. */
  readonly lackingRecords: readonly string[];
  /** What to type to make what is missing. */
  readonly makeIt: string;
  /** The number that the queue has in it; undefined if it has none, or if nobody could ask. */
  readonly queueNumber: number | undefined;
  /** Why no drain of the queue begins, if the ledger has lost entries of it, or another one has them. */
  readonly refusal: EtlError | undefined;
}

/**
 * Asks whether ledger and records are there, whole, and for the user to use; nothing is registered.
 *
 * @param queue undefined if it is not known
 * @throws EtlError if the database does not answer; of kind config if the migrations are not those of this version
 */
export async function inspectLedger(
  database: Database,
  home: LedgerHome,
  table: TargetTable,
  queue: QueueIdentity | undefined,
  signal: AbortSignal,
): Promise<LedgerDescription> {
  const options = { operation: "inspect ledger", signal };
  const own = await readOwnTables(database, home, options);
  const needed = ["etl_ledger", "etl_queue"] as const;
  const records = ["etl_run", "etl_rejection"] as const;
  const missingOf = (tables: typeof ownTables) =>
    tables.filter((name) => !own[name].exists).map((name) => quoteTable({ ...home, name }));
  const found = {
    sqlName: ledgerName(home),
    missing: missingOf(needed),
    unlogged: needed.some((name) => own[name].unlogged),
    intact: isIntact(own),
    makeKey: ledgerKeyHint(own, home),
    lacking: lackingOn(home, own, needed),
    missingRecords: missingOf(records),
    lackingRecords: lackingOn(home, own, records),
    makeIt: migrateHint(table, home),
    queueNumber: undefined,
    refusal: undefined,
  };
  if (found.missing.length > 0) return found;
  const isReadable = needed.every((name) => own[name].may.includes("select"));
  const asked = isReadable ? queue : undefined;
  const known = await readQueue(database, home, own, { ...asked, table }, options);
  const refusal = asked && (await queueRefusal(database, home, own, { ...asked, table }, known, options));
  return { ...found, queueNumber: known.number, refusal };
}
