/** Reads from the catalog what a row must satisfy beyond the types of its columns, and what nobody can foretell. */

import type { Conflict } from "../message/mapping.ts";
import { objectSql, type ReadOptions, readObjects, type TableDescription } from "./catalog.ts";
import type { Database } from "./connect.ts";

/** A column, as far as it decides over a row. */
export interface ColumnRule {
  readonly name: string;
  /** What a value is cast to: the declared type, or what it stands on if a domain's check may change something. */
  readonly type: string;
  /** The default, as SQL, or what a generated column is made of; absent if there is none. */
  readonly expression?: string;
  /** Whether only a write can tell the expression's value. */
  readonly volatile: boolean;
  readonly generated: boolean;
  /** The domain's checks that call a volatile function. */
  readonly volatileChecks: readonly string[];
}

/** A check constraint. */
export interface CheckRule {
  readonly name: string;
  /** As SQL, over the table's columns. */
  readonly expression: string;
  readonly columns: readonly string[];
  /** Whether it calls a volatile function, which may write. */
  readonly volatile: boolean;
}

/** A foreign key. */
export interface ForeignKeyRule {
  readonly name: string;
  readonly columns: readonly string[];
  /** The table that it refers to, as `from` takes it. */
  readonly from: string;
  readonly keys: readonly string[];
  /** What compares a key with its column, as SQL. */
  readonly operators: readonly string[];
  /** `match full`: of several columns all are null, or none is. */
  readonly full: boolean;
  /** Why reading cannot tell whether a row satisfies it. */
  readonly hidden?: "unreadable" | "itself";
}

/** A trigger that runs for a row, or for the statement. */
export interface TriggerRule {
  readonly name: string;
  /** Whether it runs before each row, so that it may change or skip it. */
  readonly rewrites: boolean;
}

/** All that decides over a row. */
export interface TableRules {
  readonly columns: readonly ColumnRule[];
  readonly checks: readonly CheckRule[];
  readonly foreignKeys: readonly ForeignKeyRule[];
  /** In the order in which they run. */
  readonly triggers: readonly TriggerRule[];
  /** Whether policies decide which rows the user may insert, and see. */
  readonly rowSecurity: boolean;
  /** The unique indexes for which one null equals another. */
  readonly nullsEqual: readonly string[];
  /** Check constraints that partitions have of their own. */
  readonly partitionChecks: readonly string[];
  /** For each partition that holds rows what a row in it satisfies, as SQL; absent if the table is not partitioned. */
  readonly partitions?: readonly string[];
  /** The columns of the partition keys, at every level. */
  readonly partitionColumns: readonly string[];
}

/** Bits of `pg_trigger.tgtype`, whose 1 is a row's trigger and whose 2 is one that runs before. */
const insertEvent = 4;
const updateEvent = 16;

/** The events whose triggers a load fires: an update goes by triggers of its own. */
export function loadEvents(action: Conflict["action"]): number {
  return action === "update" ? insertEvent | updateEvent : insertEvent;
}

/**
 * The enabled triggers of a table and its partitions that a load fires; one that runs on a replica alone does not count.
 *
 * @param table the SQL of an oid
 * @param events the SQL of {@link loadEvents}
 */
export function triggersSql(table: string, events: string): string {
  return `
      pg_catalog.pg_trigger t
      where (t.tgrelid = ${table} or t.tgrelid in (select relid from pg_catalog.pg_partition_tree(${table}::regclass)))
        and not t.tgisinternal and t.tgenabled in ('O', 'A') and t.tgtype & ${events}::integer <> 0`;
}

/**
 * The functions that an expression calls, those behind its operators among them.
 *
 * @param tree the SQL of a `pg_node_tree`, whose dependencies name no function of the server's own
 */
export function functionsSql(tree: string): string {
  return `pg_catalog.regexp_matches(${tree}::text, ':(?:op)?funcid (\\d+)', 'g') as called (id)
        join pg_catalog.pg_proc p on p.oid = called.id[1]::oid`;
}

/**
 * Reads the rules of a table that has been read.
 *
 * @throws EtlError if the database does not answer
 */
export async function readTableRules(
  database: Database,
  { sqlName }: Pick<TableDescription, "sqlName">,
  action: Conflict["action"],
  options: ReadOptions,
): Promise<TableRules> {
  const question = [rulesSql, sqlName, loadEvents(action)] as const;
  const [rules] = await readObjects<TableRules>(database, options, question);
  return rules as TableRules;
}

const isVolatile = (tree: string) => `(
      ${tree}::text ~ '{NEXTVALUEEXPR' or exists (select from ${functionsSql(tree)} where p.provolatile = 'v')
    )`;

const list = (sql: string) => `coalesce((select pg_catalog.json_agg(${sql}), '[]')`;

/** The names of a constraint's columns, in its order. */
const namesSql = (table: string, keys: string) => `(
      select coalesce(pg_catalog.json_agg(a.attname order by k.place), '[]')
      from pg_catalog.unnest(${keys}) with ordinality as k (attnum, place)
      join pg_catalog.pg_attribute a on a.attrelid = ${table} and a.attnum = k.attnum
    )`;

/** Since Postgres 18 a constraint may be kept without being enforced. */
const enforced = "coalesce(pg_catalog.to_json(c) ->> 'conenforced', 'true') = 'true'";

/** A domain may stand on a domain. */
const columnRulesSql = `
  with recursive type_of (attnum, oid, modifier) as (
    select a.attnum, a.atttypid, a.atttypmod
    from pg_catalog.pg_attribute a where a.attrelid = target.oid and a.attnum > 0 and not a.attisdropped
    union all
    select attnum, t.typbasetype, case when modifier = -1 then t.typtypmod else modifier end
    from type_of join pg_catalog.pg_type t on t.oid = type_of.oid where t.typtype = 'd'
  ), domain_check (attnum, name) as (
    select type_of.attnum, c.conname
    from type_of join pg_catalog.pg_constraint c on c.contypid = type_of.oid and c.contype = 'c'
    where ${isVolatile("c.conbin")}
  )
  select pg_catalog.json_agg(${objectSql({
    name: "a.attname",
    type: `case
      when exists (select from domain_check d where d.attnum = a.attnum)
      then pg_catalog.format_type(base.oid, base.modifier)
      else pg_catalog.format_type(a.atttypid, a.atttypmod)
    end`,
    expression: `case when a.attidentity = '' then
      coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.pg_get_expr(at.typdefaultbin, 0))
    end`,
    volatile: `a.attidentity <> '' or coalesce(${isVolatile("coalesce(d.adbin, at.typdefaultbin)")}, false)`,
    generated: "a.attgenerated <> ''",
    volatileChecks: `coalesce((
      select pg_catalog.json_agg(name order by name) from domain_check d where d.attnum = a.attnum
    ), '[]')`,
  })} order by a.attnum)
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_type at on at.oid = a.atttypid
  join type_of base on base.attnum = a.attnum
  join pg_catalog.pg_type bt on bt.oid = base.oid and bt.typtype <> 'd'
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = target.oid and not a.attisdropped`;

/**
 * A row that refers to its own table may refer to one that is loaded with it. A period is compared as a whole, and policies of
 * the other table hide rows that the key itself sees.
 */
const foreignKeysSql = list(`${objectSql({
  name: "c.conname",
  columns: namesSql("c.conrelid", "c.conkey"),
  keys: namesSql("c.confrelid", "c.confkey"),
  from: `pg_catalog.format('%s%I.%I', case when rc.relkind = 'p' then '' else 'only ' end, rn.nspname, rc.relname)`,
  operators: `(
    select pg_catalog.json_agg(pg_catalog.format('operator(%I.%s)', n.nspname, o.oprname) order by k.place)
    from pg_catalog.unnest(c.conpfeqop) with ordinality as k (oid, place)
    join pg_catalog.pg_operator o on o.oid = k.oid
    join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
  )`,
  full: "c.confmatchtype = 'f'",
  hidden: `case
    when c.confrelid = c.conrelid then 'itself'
    when not pg_catalog.has_schema_privilege(rn.oid, 'usage') or pg_catalog.row_security_active(c.confrelid)
      or pg_catalog.to_json(c) ->> 'conperiod' = 'true'
      or not (
        select bool_and(pg_catalog.has_column_privilege(c.confrelid, k.attnum, 'select'))
        from pg_catalog.unnest(c.confkey) as k (attnum)
      )
    then 'unreadable'
  end`,
})} order by c.conname)
  from pg_catalog.pg_constraint c
  join pg_catalog.pg_class rc on rc.oid = c.confrelid
  join pg_catalog.pg_namespace rn on rn.oid = rc.relnamespace
  where c.conrelid = target.oid and c.contype = 'f' and c.conparentid = 0 and ${enforced}`);

const rulesSql = `
  select ${objectSql({
    columns: `(${columnRulesSql})`,
    checks: list(`${objectSql({
      name: "c.conname",
      expression: "pg_catalog.pg_get_expr(c.conbin, c.conrelid)",
      columns: namesSql("c.conrelid", "c.conkey"),
      volatile: isVolatile("c.conbin"),
    })} order by c.conname)
      from pg_catalog.pg_constraint c where c.conrelid = target.oid and c.contype = 'c' and ${enforced}`),
    foreignKeys: foreignKeysSql,
    triggers: list(`${objectSql({ name: "tgname", rewrites: "rewrites" })} order by tgname)
      from (
        select t.tgname, bool_or(t.tgtype & 3 = 3) as rewrites from ${triggersSql("target.oid", "$2")}
        group by t.tgname
      ) as fired`),
    rowSecurity: "pg_catalog.row_security_active(target.oid)",
    nullsEqual: list(`ic.relname)
      from pg_catalog.pg_index i join pg_catalog.pg_class ic on ic.oid = i.indexrelid
      where i.indrelid = target.oid and pg_catalog.to_json(i) ->> 'indnullsnotdistinct' = 'true'`),
    partitionChecks: list(`distinct c.conname)
      from pg_catalog.pg_constraint c
      where c.contype = 'c' and c.coninhcount = 0 and c.conrelid in (
        select relid from pg_catalog.pg_partition_tree(target.oid::regclass) where relid <> target.oid
      )`),
    partitions: `case when target.relkind = 'p' then ${list(`pg_catalog.pg_get_partition_constraintdef(relid))
      from pg_catalog.pg_partition_tree(target.oid::regclass) where isleaf`)} end`,
    partitionColumns: list(`distinct a.attname)
      from (
        select target.oid as relid union select relid from pg_catalog.pg_partition_tree(target.oid::regclass)
      ) as part
      join pg_catalog.pg_partitioned_table p on p.partrelid = part.relid
      cross join pg_catalog.unnest(p.partattrs::int2[]) as k (attnum)
      join pg_catalog.pg_attribute a on a.attrelid = p.partrelid and (
        a.attnum = k.attnum or (k.attnum = 0 and p.partexprs::text ~ (':varattno ' || a.attnum || '[ )]'))
      ) and a.attnum > 0`),
  })}
  from (
    select c.oid, c.relkind from pg_catalog.pg_class c where c.oid = $1::text::regclass
  ) as target`;
