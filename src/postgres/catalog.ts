/** Reads from the catalog what tables there are, and what they take. */

import type { ColumnLimits } from "../message/message.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import { type LiveType, maxCharacters, maxFractionDigits } from "./column-types.ts";
import type { Database } from "./connect.ts";
import { parseTableName, quoteTable, unfit } from "./identifier.ts";

/** One column of a live table. */
export interface TableColumn {
  readonly name: string;
  readonly type: LiveType;
  /** The type as a person writes it, such as `character varying(32)`. */
  readonly declaredType: string;
  /** What a text is cast to in SQL: the base type without its modifier, which a cast would cut the value to. */
  readonly castType: string;
  /** The collation as SQL takes it, if it is not the database's own: two texts may be equal under one alone. */
  readonly collation: string | undefined;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
  /** Whether the user may read it. */
  readonly readable: boolean;
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
  /** True if a crash of the server empties it: nothing that is acknowledged is safe in it. */
  readonly unlogged: boolean;
}

/**
 * Reads the description of a table.
 *
 * @param tableName as for `--table`
 * @throws EtlError of kind config if it does not exist or is no table
 */
export async function readTable(
  database: Database,
  tableName: string,
  signal?: AbortSignal,
): Promise<TableDescription> {
  const asked = quoteTable(parseTableName(tableName));
  type Found = Omit<TableDescription, "sqlName"> & { readonly kind: string };
  const question = [tableSql("pg_catalog.to_regclass($1::text)"), asked] as const;
  const [table] = await readObjects<Found>(
    database,
    { operation: "read table", grants: askForGrants(asked), signal },
    question,
  );
  if (table === undefined) {
    // A schema without the usage permission is not on the search path either: hence the user's name.
    throw unfit(
      `there is no table ${asked} that user ${database.user} can see in database ${database.name}`,
      `etl migrate --table ${shellQuoted(asked)}`,
    );
  }
  const { kind, ...description } = table;
  if (["r", "p"].includes(kind)) return { ...description, sqlName: quoteTable(description) };
  throw unfit(
    `${asked} is a view, a foreign table or another thing that is no table`,
    "give the table itself as --table",
  );
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

/** A domain may stand on a domain: the innermost has the base type, the first modifier on the way counts. */
const columnsSql = `
  with recursive type_of (attnum, oid, modifier, not_null) as (
    select attnum, atttypid, atttypmod, attnotnull
    from pg_catalog.pg_attribute
    where attrelid = c.oid and attnum > 0 and not attisdropped
    union all
    select attnum, t.typbasetype, case when modifier = -1 then t.typtypmod else modifier end, not_null or t.typnotnull
    from type_of
    join pg_catalog.pg_type t on t.oid = type_of.oid
    where t.typtype = 'd'
  )
  select pg_catalog.json_agg(${objectSql({
    name: "a.attname",
    type: objectSql({ name: "t.typname", isEnum: "t.typtype = 'e'", modifier: "type_of.modifier" }),
    declaredType: "pg_catalog.format_type(a.atttypid, a.atttypmod)",
    castType: "pg_catalog.format('%I.%I', tn.nspname, t.typname)",
    nullable: "not type_of.not_null",
    hasDefault: `a.atthasdef or a.attidentity <> '' or exists (
      select from pg_catalog.pg_type d where d.oid = a.atttypid and d.typdefault is not null
    )`,
    readable: "pg_catalog.has_column_privilege(c.oid, a.attnum, 'select')",
    generated: `case when a.attgenerated <> '' then 'expression' when a.attidentity = 'a' then 'identity' else 'no' end`,
    collation: `(
      select pg_catalog.format('%I.%I', cn.nspname, co.collname)
      from pg_catalog.pg_collation co
      join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
      where co.oid = a.attcollation and co.collname <> 'default'
    )`,
  })} order by a.attnum)
  from type_of
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = type_of.attnum
  join pg_catalog.pg_type t on t.oid = type_of.oid and t.typtype <> 'd'
  join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace`;

/** Columns that an index only carries along (`include`) are no part of its key. */
const uniqueIndexesSql = `
  select pg_catalog.json_agg(${objectSql({
    name: "ic.relname",
    columns: `(
      select coalesce(pg_catalog.json_agg(a.attname order by k.place), '[]')
      from pg_catalog.unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where k.place <= i.indnkeyatts
    )`,
    defect: `case
      when not i.indisvalid or not i.indisready or not i.indislive then 'invalid'
      when i.indisexclusion then 'exclusion'
      when i.indpred is not null then 'partial'
      when i.indexprs is not null then 'expression'
      when not i.indimmediate then 'deferrable'
    end`,
  })} order by ic.relname)
  from pg_catalog.pg_index i
  join pg_catalog.pg_class ic on ic.oid = i.indexrelid
  where i.indrelid = c.oid and (i.indisunique or i.indisexclusion)`;

/** Gives a {@link TableDescription} with the table's kind and without its `sqlName`; no row if there is no such table. */
export function tableSql(oid: string): string {
  return `
  select ${objectSql({
    schema: "n.nspname",
    name: "c.relname",
    kind: "c.relkind",
    unlogged: "c.relpersistence = 'u'",
    columns: `coalesce((${columnsSql}), '[]')`,
    uniqueIndexes: `coalesce((${uniqueIndexesSql}), '[]')`,
  })}
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = ${oid}`;
}

/** A JSON object of these properties, each given as SQL, without those that are null. */
export function objectSql(properties: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(properties).map(([name, sql]) => `'${name}', ${sql}`);
  return `pg_catalog.json_strip_nulls(pg_catalog.json_build_object(${pairs.join(", ")}))`;
}

/** What to type if a user may lack anything that a load of a table meets. */
export function askForGrants(sqlName: string): string {
  return `etl doctor --grants --table ${shellQuoted(sqlName)}, and give the SQL to an administrator`;
}

/** Names a read in errors, and what may end it. */
export interface ReadOptions {
  readonly operation: string;
  /** What an administrator has to type if the user lacks a permission. */
  readonly grants?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The values that a statement gives in its one column of JSON, in one round trip. What is named `…At` is a time, in ISO
 * 8601, and read as a `Date`.
 */
export async function readObjects<T>(
  database: Database,
  { signal, ...options }: ReadOptions,
  [text, ...parameters]: readonly [text: string, ...parameters: (string | number)[]],
): Promise<readonly T[]> {
  const statement = { text, parameters: parameters.map(String) };
  const rows = await database.runOnce({ ...options, readOnly: true, ...(signal && { signal }) }, statement);
  const revive = (name: string, value: string) => (name.endsWith("At") ? new Date(value) : value);
  return rows.map(([json]) => JSON.parse(json as string, revive) as T);
}
