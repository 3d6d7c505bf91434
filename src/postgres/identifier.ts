/** Names of tables, columns and types: read as SQL reads them, written so that SQL reads them back. */

import { EtlError } from "../errors.ts";

/** A table's name as it was given, with quotes resolved and unquoted parts in lower case. */
export interface TableName {
  /** Absent if the table is to be found on the search path. */
  readonly schema?: string;
  readonly name: string;
}

/** Postgres cuts longer names off without an error, and might then find another table. */
export const maxNameBytes = 63;

/**
 * Reads `name` or `schema.name`; a part in double quotes is taken as it is.
 *
 * @throws EtlError `config`
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
 */
export function parseTableName(text: string): TableName {
  const part = String.raw`(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))`;
  const match = new RegExp(`^${part}(?:\\.${part})?$`, "u").exec(text);
  const [, quoted1, plain1, quoted2, plain2] = match ?? [];
  const [first = "", second] = [resolve(quoted1, plain1), resolve(quoted2, plain2)];
  const isWrong = (name: string) => name.includes("\u0000") || Buffer.byteLength(name) > maxNameBytes;
  if (match === null || isWrong(first) || isWrong(second ?? "")) {
    throw unfit(
      `${JSON.stringify(text.slice(0, 200))} is not a table's name`,
      'write name, schema.name, or "A Name" in double quotes, each part at most 63 bytes long',
    );
  }
  return second === undefined ? { name: first } : { schema: first, name: second };
}

/** A table, or its name, that rows cannot go to. */
export function unfit(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "read table", message, hint });
}

/** Writes a name into SQL, in quotes only if it needs them. */
export function quoteName(name: string): string {
  const plain = /^[a-z_][a-z0-9_]*$/.test(name) && !reservedWords.has(name);
  return plain ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Writes a table's name into SQL, with its schema if it has one. */
export function quoteTable({ schema, name }: TableName): string {
  return schema === undefined ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`;
}

function resolve(quoted: string | undefined, plain: string | undefined): string | undefined {
  return quoted?.replaceAll('""', '"') ?? plain?.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * Words that cannot be a table's or a column's name without quotes.
 *
 * @see https://www.postgresql.org/docs/current/sql-keywords-appendix.html
 */
const reservedWords: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
  char character check coalesce collate collation column concurrently constraint create cross current_catalog
  current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
  desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
  grouping having ilike in initially inner inout int integer intersect interval into is isnull join json json_array
  json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value
  lateral leading least left like limit localtime localtimestamp merge_action national natural nchar none normalize not
  notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision primary real
  references returning right row select session_user setof similar smallint some substring symmetric system_user table
  tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic verbose
  when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot
  xmlserialize xmltable`.split(/\s+/),
);

/** Writes a text into SQL in which no parameter can stand. */
export function sqlLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
