/** What a mapped message is: cells in the order of the mapping, ready to be bound. */

import type { MessageRef } from "./message.ts";

declare const masked: unique symbol;
declare const plain: unique symbol;

/** A pseudonym. Only a masker makes one, so that a raw value cannot be passed for it. */
export type Masked = string & { readonly [masked]: true };

/** A value that the mapping says may be stored as it is. Only a transform makes one. */
export type Plain = string & { readonly [plain]: true };

/** One column's value as text, as it is bound; Postgres casts it to the column's type. */
export type Cell = Masked | Plain | null;

/** One row: as many cells as the mapping has columns, in its order. */
export type Row = readonly Cell[];

/** The rows that a message became, and the message itself. */
export interface MappedMessage {
  readonly ref: MessageRef;
  readonly rows: readonly Row[];
}

/** What the live table allows in one column, read from its catalog. */
export interface ColumnLimit {
  /** The longest text it takes, in characters (code points, as Postgres counts); absent where unbounded. */
  readonly maxCharacters?: number;
  /**
   * The most digits it keeps after the point, of a number or of a time's seconds; absent where it keeps all. Postgres
   * rounds what has more, without an error.
   */
  readonly maxFractionDigits?: number;
  readonly nullable: boolean;
}

/** Limits by column name; a column that is not in it is unlimited. */
export type ColumnLimits = ReadonlyMap<string, ColumnLimit>;
