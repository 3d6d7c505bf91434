/** What a user needs beyond the table itself, because a row meets it: sequences, functions, tables of triggers, schemas of types. */

import type { Mapping } from "../message/mapping.ts";
import { objectSql, type ReadOptions, readObjects } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { namesIn } from "./function-body.ts";
import { functionsSql, loadEvents, triggersSql } from "./table-rules.ts";

/** A permission that a load needs. */
export interface Need {
  /** As `grant` takes it, such as `usage on sequence public.ids`. */
  readonly grant: string;
  /** Whether the user has it not. */
  readonly lacking: boolean;
  /** Whether everybody has it, so that nobody need grant it. */
  readonly everybodys: boolean;
  /** What a row meets, such as `trigger audit`. */
  readonly reason: string;
}

/** Triggers may fire triggers; deeper than this nobody has looked. */
const deepest = 5;

/** A table that rows go into. */
interface InsertedTable {
  readonly oid: string;
  /** The columns whose default is not asked for; absent if it is not known. */
  readonly filled?: readonly string[] | undefined;
  /** What leads to it. @defaultValue the load itself */
  readonly reason?: string | undefined;
  readonly events: number;
}

/** A function that runs with the user's own rights. */
interface CalledFunction {
  readonly oid: string;
  readonly source: string;
  /** Its own `search_path`. @defaultValue the session's */
  readonly path?: string;
  readonly reason: string;
}

interface Found {
  readonly needs: readonly Need[];
  readonly functions: readonly CalledFunction[];
  readonly tables?: readonly InsertedTable[];
}

/**
 * Reads what a load into a table needs beyond {@link neededPrivileges}. Asks the catalog alone: no permission is needed, not
 * even in the table's schema.
 *
 * Sorted by what is granted. Functions that run with the rights of their owner need nothing of the user. Of the others, the source is read.
 *
 * @throws EtlError if the database does not answer
 */
export async function readLoadNeeds(
  database: Database,
  { schema, name }: { readonly schema: string; readonly name: string },
  { columns, conflict }: Mapping,
  options: ReadOptions,
): Promise<readonly Need[]> {
  const filled = columns.map(({ column }) => column);
  const [oid] = await readObjects<string>(database, options, [oidSql, schema, name]);
  if (oid === undefined) return [];
  const needs = new Map<string, Need>();
  const seen = new Set<string>();
  let tables: readonly InsertedTable[] = [{ oid, filled, events: loadEvents(conflict.action) }];
  const ofTypes = await readObjects<Need>(database, options, [typesSql, oid, JSON.stringify(filled)]);
  for (const need of ofTypes) needs.set(need.grant, need);
  for (let depth = 0; depth < deepest && tables.length > 0; depth += 1) {
    let functions: CalledFunction[] = [];
    for (const table of tables) {
      const asked = JSON.stringify({ reason: null, filled: null, ...table });
      const [found] = await readObjects<Found>(database, options, [tableNeedsSql, asked]);
      for (const need of found?.needs ?? []) needs.set(need.grant, needs.get(need.grant) ?? need);
      functions.push(...(found?.functions ?? []));
    }
    tables = [];
    for (let calls = 0; calls < deepest && functions.length > 0; calls += 1) {
      const called: CalledFunction[] = [];
      for (const { oid: id, source, path, reason } of functions) {
        if (seen.has(id)) continue;
        seen.add(id);
        const asked = JSON.stringify({ ...namesIn(source), path: path ?? null, reason });
        const [found] = await readObjects<Found>(database, options, [namedSql, asked]);
        for (const need of found?.needs ?? []) needs.set(need.grant, needs.get(need.grant) ?? need);
        called.push(...(found?.functions ?? []));
        const into = (found?.tables ?? []).filter((table) => !seen.has(`table ${table.oid}`));
        for (const table of into) seen.add(`table ${table.oid}`);
        tables = [...tables, ...into];
      }
      functions = called;
    }
  }
  return [...needs.values()].toSorted((a, b) => (a.grant < b.grant ? -1 : 1));
}

const oidSql = `
  select pg_catalog.to_json(c.oid::text)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1::text and c.relname = $2::text`;

const needSql = (grant: string, has: (user: string) => string, reason: string) =>
  objectSql({ grant, lacking: `not ${has("current_user")}`, everybodys: has("'public'"), reason });

const schemaNeed = (reason: string) =>
  needSql(
    "pg_catalog.format('usage on schema %I', n.nspname)",
    (user) => `pg_catalog.has_schema_privilege(${user}, n.oid, 'usage')`,
    reason,
  );

/** A load casts to the type that a domain stands on. */
const typesSql = `
  with recursive type_of (oid, name) as (
    select a.atttypid, a.attname
    from pg_catalog.pg_attribute a
    join pg_catalog.json_array_elements_text($2::text::json) as c (name) on c.name = a.attname
    where a.attrelid = $1::text::oid
    union all
    select t.typbasetype, name from type_of join pg_catalog.pg_type t on t.oid = type_of.oid where t.typtype = 'd'
  )
  select ${schemaNeed("'type of ' || type_of.name")}
  from type_of join pg_catalog.pg_type t on t.oid = type_of.oid and t.typtype <> 'd'
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  where n.nspname <> 'pg_catalog'`;

const functionNeed = (reason: string) =>
  needSql(
    `pg_catalog.format('execute on %s %s.%I(%s)', case when p.prokind = 'p' then 'procedure' else 'function' end,
      p.pronamespace::regnamespace, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))`,
    (user) => `pg_catalog.has_function_privilege(${user}, p.oid, 'execute')`,
    reason,
  );

const sequenceNeed = (reason: string) =>
  needSql(
    "pg_catalog.format('usage on sequence %I.%I', n.nspname, s.relname)",
    (user) => `pg_catalog.has_sequence_privilege(${user}, s.oid, 'usage, update')`,
    reason,
  );

/** The text of functions that run with the user's rights; that of the server's own and of C is of no use. */
const bodySql = (reason: string) =>
  objectSql({
    oid: "p.oid::text",
    // A body in standard SQL is kept as a tree alone.
    source: "case when p.prosrc = '' then pg_catalog.pg_get_functiondef(p.oid) else p.prosrc end",
    path: `(
      select substring(setting from 13) from pg_catalog.unnest(p.proconfig) as setting where setting like 'search_path=%'
    )`,
    reason,
  });
const hasBody = `not p.prosecdef and p.prolang in (
      select oid from pg_catalog.pg_language where lanname in ('sql', 'plpgsql')
    ) and p.pronamespace <> 'pg_catalog'::regnamespace`;

const all = (object: string, from: string) =>
  `(select coalesce(pg_catalog.json_agg(${object}), '[]') from ${from})`;

/** What an insert evaluates: defaults of columns that are not filled, generated columns, checks, domains, indexes. */
const tableNeedsSql = `
  with asked as materialized (select $1::text::json as j), target as materialized (
    select (j ->> 'oid')::oid as oid, j ->> 'reason' as reason,
      j -> 'filled' as filled, (j ->> 'events')::integer as events
    from asked
  ), part as materialized (
    select oid from target union select relid from target, pg_catalog.pg_partition_tree(target.oid::regclass)
  ), unfilled as materialized (
    select a.attrelid, a.attnum, a.attname, a.atttypid, a.attgenerated <> '' as generated
    from target join pg_catalog.pg_attribute a on a.attrelid = target.oid
    where a.attnum > 0 and not a.attisdropped and case
      when pg_catalog.json_typeof(target.filled) = 'array'
      then a.attname not in (select pg_catalog.json_array_elements_text(target.filled))
      else a.attgenerated <> ''
    end
  ), type_of as (
    with recursive of_column (attname, oid) as (
      select a.attname, a.atttypid
      from target join pg_catalog.pg_attribute a on a.attrelid = target.oid
      where a.attnum > 0 and not a.attisdropped
      union all
      select attname, t.typbasetype from of_column join pg_catalog.pg_type t on t.oid = of_column.oid where t.typtype = 'd'
    )
    select * from of_column
  ), expression (tree, what) as materialized (
    select d.adbin, case when u.generated then 'generated column ' else 'default of ' end || u.attname
    from unfilled u join pg_catalog.pg_attrdef d on d.adrelid = u.attrelid and d.adnum = u.attnum
    union all
    select t.typdefaultbin, 'default of ' || u.attname
    from unfilled u join pg_catalog.pg_type t on t.oid = u.atttypid
    where t.typdefaultbin is not null and not exists (
      select from pg_catalog.pg_attrdef d where d.adrelid = u.attrelid and d.adnum = u.attnum
    )
    union all
    select c.conbin, 'check constraint ' || c.conname
    from part join pg_catalog.pg_constraint c on c.conrelid = part.oid where c.contype = 'c'
    union all
    select c.conbin, 'check constraint ' || c.conname
    from type_of join pg_catalog.pg_constraint c on c.contypid = type_of.oid where c.contype = 'c'
    union all
    select tree, 'index ' || ic.relname
    from part join pg_catalog.pg_index i on i.indrelid = part.oid
    join pg_catalog.pg_class ic on ic.oid = i.indexrelid
    cross join lateral (values (i.indexprs), (i.indpred)) as of_index (tree) where tree is not null
  ), called as materialized (
    select distinct p.oid, coalesce(target.reason || ', ', '') || e.what as reason
    from target, expression e cross join lateral (
      select p.oid from ${functionsSql("e.tree")}
    ) as p
  ), fired as materialized (
    select distinct t.tgfoid as oid, coalesce(target.reason || ', ', '') || 'trigger ' || t.tgname as reason
    from target, lateral (
      select t.tgfoid, t.tgname from ${triggersSql("target.oid", "target.events")}
    ) as t
  )
  select ${objectSql({
    needs: `(
      select coalesce(pg_catalog.json_agg(need), '[]') from (
        select ${functionNeed("called.reason")} as need from called join pg_catalog.pg_proc p on p.oid = called.oid
        where p.pronamespace <> 'pg_catalog'::regnamespace
        union all
        select ${sequenceNeed("coalesce(target.reason || ', ', '') || 'default of ' || u.attname")}
        from target, unfilled u
        join pg_catalog.pg_attrdef ad on ad.adrelid = u.attrelid and ad.adnum = u.attnum
        join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = ad.oid
          and d.refclassid = 'pg_catalog.pg_class'::regclass
        join pg_catalog.pg_class s on s.oid = d.refobjid and s.relkind = 'S'
        join pg_catalog.pg_namespace n on n.oid = s.relnamespace
      ) as found
    )`,
    functions: all(
      bodySql("called.reason"),
      `(select * from called union select * from fired) as called
        join pg_catalog.pg_proc p on p.oid = called.oid where ${hasBody}`,
    ),
  })}`;

/** An owner's grant on a table is not needed; whose table it is, the function `has_…_privilege` knows. */
const tableNeed = needSql(
  "pg_catalog.format('%s on %I.%I', u.privilege, n.nspname, c.relname)",
  (user) => `case when u.privilege = 'delete'
      then pg_catalog.has_table_privilege(${user}, c.oid, u.privilege)
      else pg_catalog.has_any_column_privilege(${user}, c.oid, u.privilege)
    end`,
  "asked.reason",
);

/** Resolves names as the function would: by its own search path, or by the session's, whether or not the user may look there. */
const namedSql = `
  with asked as materialized (
    select j, j ->> 'reason' as reason, coalesce(j ->> 'path', pg_catalog.current_setting('search_path')) as path
    from (select $1::text::json as j) as given
  ), place as materialized (
    select case name when '$user' then current_user::text else name end as name, place
    from asked, pg_catalog.unnest(pg_catalog.string_to_array(path, ',')) with ordinality as p (text, place)
    cross join lateral (select btrim(p.text, ' "') as name) as bare
  ), word as materialized (
    select distinct text, pg_catalog.parse_ident(text, false) as parts
    from (
      select t ->> 'name' as text from asked, pg_catalog.json_array_elements(j -> 'tables') as t
      union all select s from asked, pg_catalog.json_array_elements_text(j -> 'sequences') as s
      union all select f from asked, pg_catalog.json_array_elements_text(j -> 'functions') as f
    ) as words
  ), named as materialized (
    select text, parts[pg_catalog.cardinality(parts)] as name, n.oid as namespace, coalesce(place.place, 0) as place
    from word
    left join place on pg_catalog.cardinality(parts) = 1
    join pg_catalog.pg_namespace n on n.nspname = coalesce(place.name, parts[1])
    where n.nspname not in ('pg_catalog', 'information_schema')
  ), relation as materialized (
    select distinct on (named.text) named.text, c.oid, c.relkind, c.relnamespace
    from named join pg_catalog.pg_class c on c.relname = named.name and c.relnamespace = named.namespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    order by named.text, named.place
  ), used as materialized (
    select relation.oid, privilege, t -> 'columns' as columns
    from asked, pg_catalog.json_array_elements(j -> 'tables') as t
    join relation on relation.text = t ->> 'name'
    cross join lateral pg_catalog.json_array_elements_text(t -> 'privileges') as privilege
  ), called as materialized (
    select p.oid
    from named join pg_catalog.pg_proc p on p.proname = named.name and p.pronamespace = named.namespace
    join asked on named.text in (select pg_catalog.json_array_elements_text(j -> 'functions'))
  )
  select ${objectSql({
    needs: `(
      select coalesce(pg_catalog.json_agg(need), '[]') from (
        select ${schemaNeed("asked.reason")} as need
        from asked, (
          select distinct relnamespace as oid from relation
          where relation.oid in (select used.oid from used) or relation.relkind = 'S'
        ) as x join pg_catalog.pg_namespace n on n.oid = x.oid
        union all
        select ${tableNeed}
        from asked, (select distinct oid, privilege from used) as u
        join pg_catalog.pg_class c on c.oid = u.oid and c.relkind <> 'S'
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        union all
        select ${sequenceNeed("asked.reason")}
        from asked, relation join pg_catalog.pg_class s on s.oid = relation.oid and s.relkind = 'S'
        join pg_catalog.pg_namespace n on n.oid = s.relnamespace
        where relation.text in (select pg_catalog.json_array_elements_text(asked.j -> 'sequences'))
        union all
        select ${functionNeed("asked.reason")}
        from asked, called join pg_catalog.pg_proc p on p.oid = called.oid
      ) as found
    )`,
    functions: all(
      bodySql("asked.reason"),
      `asked, called join pg_catalog.pg_proc p on p.oid = called.oid where ${hasBody}`,
    ),
    tables: all(
      objectSql({ oid: "u.oid::text", filled: "u.columns", reason: "asked.reason", events: "4" }),
      `asked, used u join pg_catalog.pg_class c on c.oid = u.oid
        where u.privilege = 'insert' and c.relkind in ('r', 'p')`,
    ),
  })}`;
