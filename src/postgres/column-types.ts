/** Which types of the live table can hold what a transform makes, exactly as it is. */

import type { ColumnKind } from "../pipeline/column-kind.ts";

/** A column's type, with domains resolved to what they stand on. */
export interface ColumnType {
  /** The base type's name in `pg_type`, such as `varchar`; of an enumeration its own name. */
  readonly name: string;
  readonly isEnum: boolean;
  /** What follows in brackets in the type's declaration, as Postgres keeps it; -1 where nothing does. */
  readonly modifier: number;
}

/** A modifier of text and number types counts a header of four bytes. */
const modifierHeader = 4;

/**
 * Whether values of the kind fit the type without being changed, other than refused.
 *
 * Not among them: `smallint`, as versions need 31 bits; `timestamp with time zone`, as a day is not one moment; the
 * floating point types; `numeric` with a negative scale, which rounds.
 */
export function holds({ name, isEnum, modifier }: ColumnType, kind: ColumnKind): boolean {
  switch (kind) {
    case "text":
      return isEnum || ["text", "varchar", "bpchar", "citext"].includes(name);
    case "integer":
      return ["int4", "int8"].includes(name) || (name === "numeric" && numericScale(modifier) >= 0);
    case "date":
      return ["date", "timestamp"].includes(name);
  }
}

/** What to write into an error, by kind. */
export const expectedTypes: Readonly<Record<ColumnKind, string>> = {
  text: "text, varchar, char, citext or an enum",
  integer: "integer, bigint or numeric",
  date: "date or timestamp without time zone",
};

/** How many characters a text type takes; undefined where it does not say. */
export function maxCharacters({ name, modifier }: ColumnType): number | undefined {
  if (modifier < modifierHeader || !["varchar", "bpchar"].includes(name)) return undefined;
  return modifier - modifierHeader;
}

/** The scale is the lower 11 bits, as a signed number. */
function numericScale(modifier: number): number {
  if (modifier < modifierHeader) return 0;
  return (((modifier - modifierHeader) & 0x7ff) ^ 0x400) - 0x400;
}
