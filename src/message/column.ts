/** One column of a mapping as one function: the source, the transforms, the type and the mask, joined once a run. */

import { misfit } from "./column-check.ts";
import { type Convert, conversions, plainText } from "./conversions/conversion.ts";
import { dayOf, dayWriter, epochText, instantText } from "./conversions/time.ts";
import { parseExactJson } from "./json.ts";
import { type ColumnMapping, sourceName, type Transform } from "./mapping.ts";
import { isRefusal, type Refusal } from "./rejection.ts";
import type { Cell, Plain } from "./row.ts";
import { type MakeCell, readSource } from "./source.ts";
import type { Masker } from "./transforms/mask.ts";
import { versionPacking } from "./transforms/version.ts";
import { valueKind } from "./value-kind.ts";

/** What columns are made with. */
export interface ColumnParts {
  readonly masker: Masker;
  /** The time in milliseconds since 1970 UTC. */
  readonly now: () => number;
}

/** Goes on with a value, which is never null. */
type Take<Value = unknown> = (value: Value) => Cell | Refusal;

/**
 * Makes a column's cells. Each step calls the next one, so that no value of a body is ever asked whether it is a refusal.
 *
 * @throws EtlError `config` where a constant or a default does not fit, or as {@link Masker.forField} does
 */
export function compileColumn(column: ColumnMapping, { masker, now }: ColumnParts): MakeCell {
  const { source, required } = column;
  const path = sourceName(source);
  const store = storing(column, path, masker);
  const substitute = required ? null : substituteOf(column, transforming(column, path, store, null));
  const whenNull: Cell | Refusal = required ? { reason: "field_null", path } : substitute;
  const take = transforming(column, path, store, whenNull);
  if (source.in === "constant") fitting(column, "the constant", take(source.value));
  return readSource(
    source,
    { path, take, whenNull, whenMissing: required ? { reason: "field_missing", path } : substitute },
    now,
  );
}

/** What stands in for an absent value. */
function substituteOf(column: ColumnMapping, take: Take): Cell {
  return column.default === undefined ? null : fitting(column, "the default", take(column.default));
}

function fitting(column: ColumnMapping, what: string, cell: Cell | Refusal): Cell {
  if (!isRefusal(cell)) return cell;
  throw misfit(column, `${what} does not fit: ${cell.reason}`, "change it, or the column's type");
}

/** The last step: the mask, or none. */
function storing({ transforms }: ColumnMapping, path: string, masker: Masker): Take<string> {
  const mask = transforms.find((step) => step.kind === "mask");
  return mask === undefined ? (text) => text as Plain : masker.forField(path, mask);
}

/** The transforms and the type, as one function. */
function transforming(
  column: ColumnMapping,
  path: string,
  store: Take<string>,
  whenNull: Cell | Refusal,
): Take {
  return column.transforms.reduceRight<Take>(
    (next, step) => transformed(step, path, next, whenNull),
    typed(column, path, store),
  );
}

/** The conversion to the column's type, where no transform has made it already. */
function typed(column: ColumnMapping, path: string, store: Take<string>): Take {
  switch (valueKind(column)) {
    case "value":
      return converted(conversions[column.type], path, store);
    case "instant": {
      const written = column.type === "date" ? dayWriter() : instantText;
      return (millis) => store(written(millis as number));
    }
    case "time":
      return column.type === "date" ? (time) => store(dayOf(time as string)) : (store as Take);
    case "version":
      return store as Take;
  }
}

function transformed(step: Transform, path: string, next: Take, whenNull: Cell | Refusal): Take {
  switch (step.kind) {
    case "trim":
      return converted(plainText, path, (text) => next(text.trim()));
    case "lowercase":
      return converted(plainText, path, (text) => next(text.toLowerCase()));
    case "version":
      return converted(versionPacking(step.bits), path, next);
    case "epoch_seconds":
    case "epoch_millis":
      return converted(epochText(step.kind), path, next);
    case "json":
      return unpacked(path, next, whenNull);
    case "mask":
      // What stores the cell masks it.
      return next;
  }
}

function converted(convert: Convert, path: string, next: Take<string>): Take {
  return (value) => {
    const text = convert(value, path);
    return typeof text === "string" ? next(text) : text;
  };
}

/** The value that a text holds as JSON; a null in it is as good as one in the body. */
function unpacked(path: string, next: Take, whenNull: Cell | Refusal): Take {
  return (text) => {
    if (typeof text !== "string") return { reason: "field_not_text", path };
    const value = parseExactJson(text);
    if (value === undefined) return { reason: "field_not_json", path };
    return value === null ? whenNull : next(value);
  };
}
