/** Reads what the live table is from the catalog, before the first message is received. */

import { EtlError } from "../errors.ts";
import type { ColumnLimits } from "../message/row.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import { type LiveType, maxCharacters, maxFractionDigits } from "./column-types.ts";
import type { Database } from "./connect.ts";
import { parseTableName, quoteTable, type TableName } from "./identifier.ts";

/** One column of a live table. */
export interface TableColumn {
  readonly name: string;
  readonly type: LiveType;
  /** The type as a person writes it, such as `character varying(32)`. */
  readonly declaredType: string;
  /** What a text is cast to in SQL: the base type without its modifier, which a cast would cut the value to. */
  readonly castType: string;
  /** The collation as SQL takes it, where it is not the database's own: two texts may be equal under one alone. */
  readonly collation: string | undefined;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
  /** What takes no value: a generated column, or an identity that is always generated. */
  readonly generated: "no" | "identity" | "expression";
}

/** An index that keeps rows apart: a unique one, a primary key's, or an exclusion constraint's. */
export interface UniqueIndex {
  readonly name: string;
  /** Its columns in its own order; an expression has no name and is left out. */
  readonly columns: readonly string[];
  /** Why it cannot be what a conflict is found by. */
  readonly defect: "invalid" | "exclusion" | "partial" | "expression" | "deferrable" | undefined;
}

/** A live table. */
export interface TableDescription {
  readonly schema: string;
  readonly name: string;
  /** The name as SQL takes it, with its schema. */
  readonly sqlName: string;
  readonly columns: readonly TableColumn[];
  readonly uniqueIndexes: readonly UniqueIndex[];
  /** True where a crash of the server empties it: nothing that is acknowledged is safe in it. */
  readonly unlogged: boolean;
}

/**
 * Reads the description of a table.
 *
 * @param tableName as for `--table`
 * @throws EtlError `config` where it does not exist or is no table
 */
export async function readTable(
  database: Database,
  tableName: string,
  signal?: AbortSignal,
): Promise<TableDescription> {
  const name = parseTableName(tableName);
  const options = { operation: "read table", readOnly: true, ...(signal === undefined ? {} : { signal }) };
  const rows = await database.transaction(options, async (transaction) => {
    const [table] = await transaction.run(tableSql, [quoteTable(name)]);
    if (table === undefined) throw missingTable(name, database);
    if (!["r", "p"].includes(table.kind as string)) throw notATable(name);
    const oid = table.oid as string;
    const columns = await transaction.run(columnsSql, [oid]);
    return { table, columns, indexes: await transaction.run(uniqueIndexesSql, [oid]) };
  });
  const found = { schema: rows.table.schema as string, name: rows.table.name as string };
  return {
    ...found,
    sqlName: quoteTable(found),
    unlogged: rows.table.persistence === "u",
    columns: rows.columns.map((row) => ({
      name: row.name as string,
      type: {
        name: row.type_name as string,
        isEnum: row.type_kind === "e",
        modifier: row.modifier as number,
      },
      declaredType: row.declared_type as string,
      castType: row.cast_type as string,
      collation: (row.collation as string | null) ?? undefined,
      nullable: row.nullable as boolean,
      hasDefault: row.has_default as boolean,
      generated: row.generated as TableColumn["generated"],
    })),
    uniqueIndexes: rows.indexes.map((row) => ({
      name: row.name as string,
      columns: JSON.parse(row.columns as string) as string[],
      defect: (row.defect as UniqueIndex["defect"] | null) ?? undefined,
    })),
  };
}

/** What the table allows, for checking rows in memory. */
export function columnLimits(table: TableDescription): ColumnLimits {
  return new Map(
    table.columns.map(({ name, type, nullable }) => {
      const [characters, digits] = [maxCharacters(type), maxFractionDigits(type)];
      const limit = {
        nullable,
        ...(characters === undefined ? {} : { maxCharacters: characters }),
        ...(digits === undefined ? {} : { maxFractionDigits: digits }),
      };
      return [name, limit];
    }),
  );
}

const tableSql = `
  select c.oid::text as oid, n.nspname as schema, c.relname as name, c.relkind as kind, c.relpersistence as persistence
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = pg_catalog.to_regclass($1::text)`;

/** A domain may stand on a domain: the innermost has the base type, the first modifier on the way counts. */
const columnsSql = `
  with recursive type_of (attnum, oid, modifier, not_null) as (
    select attnum, atttypid, atttypmod, attnotnull
    from pg_catalog.pg_attribute
    where attrelid = $1::text::oid and attnum > 0 and not attisdropped
    union all
    select attnum, t.typbasetype, case when modifier = -1 then t.typtypmod else modifier end, not_null or t.typnotnull
    from type_of
    join pg_catalog.pg_type t on t.oid = type_of.oid
    where t.typtype = 'd'
  )
  select
    a.attname as name,
    t.typname as type_name,
    t.typtype as type_kind,
    type_of.modifier as modifier,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as declared_type,
    pg_catalog.format('%I.%I', tn.nspname, t.typname) as cast_type,
    not type_of.not_null as nullable,
    a.atthasdef or a.attidentity <> '' or exists (
      select from pg_catalog.pg_type d where d.oid = a.atttypid and d.typdefault is not null
    ) as has_default,
    case when a.attgenerated <> '' then 'expression' when a.attidentity = 'a' then 'identity' else 'no' end as generated,
    (
      select pg_catalog.format('%I.%I', cn.nspname, c.collname)
      from pg_catalog.pg_collation c
      join pg_catalog.pg_namespace cn on cn.oid = c.collnamespace
      where c.oid = a.attcollation and c.collname <> 'default'
    ) as collation
  from type_of
  join pg_catalog.pg_attribute a on a.attrelid = $1::text::oid and a.attnum = type_of.attnum
  join pg_catalog.pg_type t on t.oid = type_of.oid and t.typtype <> 'd'
  join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
  order by a.attnum`;

/** Columns that an index only carries along (`include`) are no part of its key. */
const uniqueIndexesSql = `
  select
    c.relname as name,
    (
      select coalesce(pg_catalog.json_agg(a.attname order by k.place), '[]')::text
      from pg_catalog.unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where k.place <= i.indnkeyatts
    ) as columns,
    case
      when not i.indisvalid or not i.indisready or not i.indislive then 'invalid'
      when i.indisexclusion then 'exclusion'
      when i.indpred is not null then 'partial'
      when i.indexprs is not null then 'expression'
      when not i.indimmediate then 'deferrable'
    end as defect
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  where i.indrelid = $1::text::oid and (i.indisunique or i.indisexclusion)
  order by c.relname`;

/** A schema without the usage permission is not on the search path either: hence the user's name. */
function missingTable(name: TableName, database: Database): EtlError {
  return new EtlError({
    kind: "config",
    operation: "read table",
    message: `there is no table ${quoteTable(name)} that user ${database.user} can see in database ${database.name}`,
    hint: `etl migrate --table ${shellQuoted(quoteTable(name))}`,
  });
}

function notATable(name: TableName): EtlError {
  return new EtlError({
    kind: "config",
    operation: "read table",
    message: `${quoteTable(name)} is a view, a foreign table or another thing that is no table`,
    hint: "give the table itself as --table",
  });
}
