/** Which types of the live table can hold what a mapping stores, exactly as it is, and how SQL writes a value of them. */

import { EtlError } from "../errors.ts";
import type { ColumnMapping, ColumnType } from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import type { TableColumn, TableDescription } from "./catalog.ts";

/** A live column's type, with domains resolved to what they stand on. */
export interface LiveType {
  /** The base type's name in `pg_type`, such as `varchar`; of an enumeration its own name. */
  readonly name: string;
  readonly isEnum: boolean;
  /** What follows in brackets in the type's declaration, as Postgres keeps it; -1 if nothing does. */
  readonly modifier: number;
}

const textTypes = ["text", "varchar", "bpchar", "citext"];

/** The live types that take each stored type, by their names in `pg_type`, and what to write of them into an error. */
const liveTypes: Readonly<Record<ColumnType, readonly [types: readonly string[], text: string]>> = {
  text: [textTypes, "text, varchar, char, citext or an enum"],
  integer: [["int2", "int4", "int8", "numeric"], "integer, bigint, smallint or numeric"],
  bigint: [["int8", "numeric"], "bigint or numeric"],
  numeric: [["numeric", "float8", "float4"], "numeric, double precision or real"],
  boolean: [["bool"], "boolean"],
  date: [["date", "timestamp"], "date or timestamp without time zone"],
  timestamptz: [["timestamptz"], "timestamp with time zone"],
  uuid: [["uuid", ...textTypes], "uuid or a text"],
  inet: [["inet", "cidr", ...textTypes], "inet, cidr or a text"],
  jsonb: [["jsonb", "json", "text", "varchar"], "jsonb, json, text or varchar"],
};

/** The types that {@link holds} accepts, to write into an error. */
export function expectedType(stored: ColumnType): string {
  return liveTypes[stored][1];
}

/**
 * Whether values of the stored type fit the live one without being changed, other than refused.
 *
 * Not among them: `timestamp` for a moment, as it forgets the zone; `timestamptz` for a day, which is not one moment;
 * `integer` for a bigint, and a whole number for a numeric, which a mapping should say; `numeric` with a negative
 * scale, which rounds whole numbers; `char` for JSON. A type that would round is among them if {@link roundsTo}
 * says so: each value is then asked whether it stays as it is.
 */
export function holds({ name, isEnum, modifier }: LiveType, stored: ColumnType): boolean {
  if (isEnum) return stored === "text";
  return liveTypes[stored][0].includes(name) && (name !== "numeric" || numericScale(modifier) >= 0);
}

/** How a column's rows become values of another type. */
interface KeepingCast {
  readonly type: ColumnType;
  /** Writes the value of the column into `alter column … using`. */
  readonly sql: (column: string) => string;
  /** The zone that the rows are read in, if their type has none: whoever runs it has to know better. */
  readonly zone?: string;
}

/**
 * How a live column can be made one that holds the stored type, with every value of its rows kept.
 *
 * Undefined if the rows may hold what such a cast refuses or changes: a text without a zone is read in the session's, `007`
 * becomes a 7, a moment becomes a day.
 */
export function keepingCast({ name, isEnum }: LiveType, stored: ColumnType): KeepingCast | undefined {
  if (stored === "text") return { type: "text", sql: (column) => `${column}::text` };
  // Arrays and texts become JSON arrays and strings; a cast would ask for JSON inside of the text.
  if (stored === "jsonb") return { type: "jsonb", sql: (column) => `to_jsonb(${column})` };
  if (isEnum) return undefined;
  if (stored === "timestamptz" && name === "timestamp")
    return { type: stored, sql: (column) => `${column} at time zone 'UTC'`, zone: "UTC" };
  if (!["integer", "bigint", "numeric"].includes(stored)) return undefined;
  if (["int2", "int4", "numeric"].includes(name) || (name === "int8" && stored === "numeric"))
    return { type: name === "numeric" ? "numeric" : stored, sql: (column) => column };
  // By its text, which names a floating point number exactly; a cast from it rounds to 15 digits.
  if (["float4", "float8"].includes(name))
    return { type: "numeric", sql: (column) => `${column}::text::numeric` };
  return undefined;
}

/**
 * What a value of the stored type is compared with, to be refused if the column would round it: the type as it is
 * written in SQL, with its scale or precision. Undefined if nothing is rounded.
 *
 * A floating point number is compared as it reads back: the shortest text that names it.
 *
 * @see https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT
 */
export function roundsTo(type: LiveType, stored: ColumnType): string | undefined {
  const { name, modifier } = type;
  if (stored === "numeric" && ["float8", "float4"].includes(name)) return `${name}::text::numeric`;
  const digits = maxFractionDigits(type);
  if (digits === undefined) return undefined;
  if (stored === "numeric") return `numeric(${(modifier - modifierHeader) >> 16}, ${digits})`;
  return stored === "timestamptz" ? `timestamptz(${digits})` : undefined;
}

/** Whether each new row must give the column a value. */
export function needsValue({
  nullable,
  hasDefault,
  generated,
}: Pick<TableColumn, "nullable" | "hasDefault" | "generated">): boolean {
  return !nullable && !hasDefault && generated === "no";
}

/** How many characters a text type takes; undefined if it does not say. */
export function maxCharacters({ name, modifier }: LiveType): number | undefined {
  if (modifier < modifierHeader || !["varchar", "bpchar"].includes(name)) return undefined;
  return modifier - modifierHeader;
}

/** How many digits after the point a number or a time keeps; undefined if it keeps all of them. */
export function maxFractionDigits({ name, modifier }: LiveType): number | undefined {
  if (name === "numeric" && modifier >= modifierHeader) return numericScale(modifier);
  // The modifier of a time is its number of decimals, six being all it has.
  if (name === "timestamptz" && modifier >= 0 && modifier < 6) return modifier;
  return undefined;
}

/** A modifier of text and number types counts a header of four bytes. */
const modifierHeader = 4;

/** The scale is the lower 11 bits, as a signed number. */
function numericScale(modifier: number): number {
  if (modifier < modifierHeader) return 0;
  return (((modifier - modifierHeader) & 0x7ff) ^ 0x400) - 0x400;
}

/**
 * The value of a column as SQL. What the column would round makes the statement fail as a value does that is no number
 * at all; the error quotes nothing of it.
 *
 * @param text the SQL of the bound text
 */
export function cellSql(table: TableDescription, mapped: ColumnMapping, text: string): string {
  const column = table.columns.find(({ name }) => name === mapped.column);
  if (column === undefined) {
    throw new EtlError({
      kind: "internal",
      operation: "load",
      message: `column ${mapped.column} was not checked against ${table.sqlName}`,
    });
  }
  const stored = storedType(mapped);
  const cast = `${text}::${column.castType}`;
  const rounded = roundsTo(column.type, stored);
  if (rounded !== undefined) {
    // Depends on the value without holding any of it: a constant would fail when the statement is planned.
    const refused = `('rounded' || left(${text}, 0))::${stored}::${column.castType}`;
    return `case when ${text}::${stored} <> ${text}::${rounded} then ${refused} else ${cast} end`;
  }
  return column.collation === undefined ? cast : `${cast} collate ${column.collation}`;
}

/** What a cell is called in the load's own queries; no name of the table's can clash with it. */
export function cellName(index: number): string {
  return `c${index + 1}`;
}

/**
 * The text form of a `text[]`, its elements in quotes: `{"a","say \"hi\"",null}`.
 *
 * JSON writes it so, but for the brackets and for what it escapes with another letter than the character itself, such as
 * a line's end. That is faster than writing each element by itself.
 *
 * @see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function arrayLiteral(elements: readonly (string | null)[]): string {
  const json = JSON.stringify(elements);
  if (!/\\[^"\\]/.test(json)) return `{${json.slice(1, -1)}}`;
  const written = elements.map((element) =>
    element === null ? "null" : `"${element.replace(/["\\]/g, "\\$&")}"`,
  );
  return `{${written.join(",")}}`;
}
