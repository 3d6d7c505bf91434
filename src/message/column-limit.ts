/** Holds a cell against what the live table takes: the database would fail the whole batch, or round, instead. */

import { fractionDigits, readDecimal } from "./conversions/decimal.ts";
import { type ColumnMapping, type ColumnType, sourceName } from "./mapping.ts";
import { isRefusal, type Refusal, type RejectionReason } from "./rejection.ts";
import type { ColumnLimit } from "./row.ts";
import type { MakeCell } from "./source.ts";
import { storedType } from "./stored-type.ts";
import { fitsCharacters } from "./text.ts";

/** Refuses what the column would refuse or round, and names it. */
export function withinLimit(
  make: MakeCell,
  mapping: ColumnMapping,
  limit: ColumnLimit | undefined,
): MakeCell {
  if (limit === undefined) return make;
  const { column } = mapping;
  const path = sourceName(mapping.source);
  const { nullable, maxCharacters = Number.POSITIVE_INFINITY, maxFractionDigits } = limit;
  const refused = (reason: RejectionReason): Refusal => ({ reason, path, column });
  const within: MakeCell = (body, message) => {
    const cell = make(body, message);
    if (cell === null) return nullable ? cell : refused("null_not_allowed");
    if (isRefusal(cell) || fitsCharacters(cell, maxCharacters)) return cell;
    return refused("text_too_long");
  };
  const precision = precisionOf(storedType(mapping));
  if (maxFractionDigits === undefined || precision === undefined) return within;
  return (body, message) => {
    const cell = within(body, message);
    if (cell === null || isRefusal(cell) || precision.digits(cell) <= maxFractionDigits) return cell;
    return refused(precision.reason);
  };
}

interface Precision {
  /** How many digits after the point a cell needs. */
  readonly digits: (cell: string) => number;
  readonly reason: RejectionReason;
}

/** Of the types whose values have digits after a point. */
function precisionOf(type: ColumnType): Precision | undefined {
  if (type === "numeric") return { digits: numberDigits, reason: "number_too_precise" };
  if (type === "timestamptz") return { digits: timeDigits, reason: "time_too_precise" };
  return undefined;
}

function numberDigits(cell: string): number {
  const decimal = readDecimal(cell);
  return decimal === undefined ? 0 : fractionDigits(decimal);
}

/** A time is stored as `...:05.25Z`, without zeros at the end. */
function timeDigits(cell: string): number {
  const point = cell.indexOf(".");
  return point === -1 ? 0 : cell.length - point - ".Z".length;
}
