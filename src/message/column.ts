import { EtlError } from "../errors.ts";
import type { DecodedBody } from "./body.ts";
import { type Convert, conversions, plainText, versionPacking } from "./conversions.ts";
import { parseExactJson } from "./json.ts";
import type { MapperParts } from "./mapper.ts";
import {
  type ColumnMapping,
  type ColumnSource,
  type ColumnType,
  type MessageFact,
  sourceName,
  type Transform,
} from "./mapping.ts";
import type { Masker } from "./mask.ts";
import {
  type Cell,
  type ColumnLimit,
  isRefusal,
  type Message,
  type Plain,
  type Refusal,
  type RejectionReason,
} from "./message.ts";
import { type Decimal, fractionDigits, readDecimal } from "./numbers.ts";
import { storedType, valueKind } from "./stored-type.ts";
import { dayWriter, epochText, instantText } from "./time.ts";

/** One column's cell of one message. */
export type MakeCell = (body: DecodedBody, message: Message) => Cell | Refusal;

/** Goes on with a value, which is never null. */
type Take<Value = unknown> = (value: Value) => Cell | Refusal;

/** What becomes of what a source holds. */
interface ValueTaker {
  /** The source's name, for refusals. */
  readonly path: string;
  /** Takes a value that is there: anything that JSON can say but null, or the milliseconds since 1970 UTC of a time fact. */
  readonly take: Take;
  readonly whenMissing: () => Cell | Refusal;
  readonly whenNull: Cell | Refusal;
}

/**
 * Makes a column's cells: joins the source, the transforms, the type, the mask and the live table's limit, once a run. Each
 * step calls the next one, so that no value of a body is ever asked whether it is a refusal.
 *
 * @param onMissing called whenever a message has no such source
 * @throws EtlError `config` if a constant or a default does not fit, or as {@link Masker.forField} does
 */
export function compileColumn(
  column: ColumnMapping,
  { masker, limits, now }: Pick<MapperParts, "masker" | "limits" | "now">,
  onMissing: () => void = () => {},
): MakeCell {
  const path = sourceName(column.source);
  const mask = column.transforms.find((step) => step.kind === "mask");
  const store: Take<string> = mask === undefined ? (text) => text as Plain : masker.forField(path, mask);
  const takeWith = (whenNull: Cell | Refusal, whenEmpty?: Cell | Refusal) => {
    const unlessEmpty = (next: Take): Take =>
      whenEmpty === undefined ? next : (value) => (value === "" ? whenEmpty : next(value));
    const last = typed(column, path, store);
    // What was not empty can be after these: white space, and JSON of an empty string.
    const mayEmpty = ({ kind }: Transform) => kind === "trim" || kind === "json";
    return unlessEmpty(
      column.transforms.reduceRight<Take>(
        (next, step) => transformed(step, path, mayEmpty(step) ? unlessEmpty(next) : next, whenNull),
        last,
      ),
    );
  };
  const substitute =
    column.default === undefined ? null : fitting(column, "the default", takeWith(null)(column.default));
  const instead = (reason: RejectionReason) => (column.required ? { reason, path } : substitute);
  const whenNull = instead("field_null");
  const withoutSource = instead("field_missing");
  const whenMissing = () => {
    onMissing();
    return withoutSource;
  };
  const take = takeWith(whenNull, whenEmpty(column, path, instead("field_empty")));
  const make = readSource(column, { path, take, whenNull, whenMissing }, now);
  const limit = limits.get(column.column);
  return limit === undefined ? make : withinLimit(make, column, path, limit);
}

/** What an empty string becomes; undefined if it is a value like any other. */
function whenEmpty(
  { empty, transforms, source }: ColumnMapping,
  path: string,
  asNull: Cell | Refusal,
): Cell | Refusal | undefined {
  // Masked, all empty strings would be one person.
  const isMasked = transforms.some(({ kind }) => kind === "mask");
  const action = empty ?? (isMasked ? "null" : "keep");
  if (source.in === "constant" || action === "keep") return undefined;
  return action === "null" ? asNull : { reason: "field_empty", path };
}

function fitting(column: ColumnMapping, what: string, cell: Cell | Refusal): Cell {
  if (!isRefusal(cell)) return cell;
  throw misfit(column, `${what} does not fit: ${cell.reason}`, "change it, or the column's type");
}

/** The refusal of a column whose parts do not go together. */
export function misfit({ column }: Pick<ColumnMapping, "column">, problem: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "map", message: `column ${column}: ${problem}`, hint });
}

function readSource(column: ColumnMapping, taker: ValueTaker, now: () => number): MakeCell {
  const { source } = column;
  switch (source.in) {
    case "body":
      return source.path.length === 1
        ? fromField(source.path[0] as string, taker)
        : fromPath(source.path, taker);
    case "message":
      return fromFact(source.fact, taker, now);
    case "attributes":
      return fromAttribute(source.name, taker);
    case "constant": {
      const cell = fitting(column, "the constant", taker.take(source.value));
      return () => cell;
    }
  }
}

function fromField(name: string, { take, whenMissing, whenNull }: ValueTaker): MakeCell {
  return ({ fields }) => {
    if (!Object.hasOwn(fields, name)) return whenMissing();
    const value = (fields as Record<string, unknown>)[name];
    return value === null ? whenNull : take(value);
  };
}

function fromPath(names: readonly string[], { path, take, whenMissing, whenNull }: ValueTaker): MakeCell {
  const find = finder(names);
  const notReachable: Refusal = { reason: "field_not_reachable", path };
  return ({ fields }) => {
    const value = find(fields);
    if (value === missing) return whenMissing();
    if (value === unreachable) return notReachable;
    return value === null ? whenNull : take(value);
  };
}

/** There is no such field. What is absent or null on the way to it is no such field either. */
export const missing = Symbol("missing");
/** What stands on the way to it has no fields. */
const unreachable = Symbol("unreachable");

/** An array's index as JSON Pointer has it. @see https://www.rfc-editor.org/rfc/rfc6901#section-4 */
const arrayIndex = /^(?:0|[1-9]\d*)$/;

/** Makes what finds a value by its path, of own fields and array items only; or says why there is none. */
export function finder(names: readonly string[]): (fields: object) => unknown {
  const steps = names.map((name) => ({ name, index: arrayIndex.test(name) ? Number(name) : undefined }));
  return (fields) => {
    let value: unknown = fields;
    for (const { name, index } of steps) {
      if (value === null) return missing;
      if (typeof value !== "object" || JSON.isRawJSON(value)) return unreachable;
      if (Array.isArray(value)) {
        if (index === undefined) return unreachable;
        if (index >= value.length) return missing;
        value = value[index];
      } else {
        if (!Object.hasOwn(value as object, name)) return missing;
        value = (value as Record<string, unknown>)[name];
      }
    }
    return value;
  };
}

/** Makes what tells whether a message has a source. A null is there. */
export function hasSource(source: ColumnSource): (body: DecodedBody, message: Message) => boolean {
  switch (source.in) {
    case "body": {
      const find = finder(source.path);
      return ({ fields }) => ![missing, unreachable].includes(find(fields) as symbol);
    }
    case "message":
      return (_body, { groupId }) => source.fact !== "group_id" || groupId !== undefined;
    case "attributes":
      return ({ attributes }) => attributes?.some(({ name }) => name === source.name) ?? false;
    case "constant":
      return () => true;
  }
}

function fromFact(fact: MessageFact, { take, whenMissing }: ValueTaker, now: () => number): MakeCell {
  const facts: Readonly<Record<MessageFact, (message: Message) => unknown>> = {
    message_id: ({ messageId }) => messageId,
    sent_at: ({ sentAtMillis }) => sentAtMillis,
    received_at: now,
    receive_count: ({ receiveCount }) => receiveCount,
    group_id: ({ groupId }) => groupId,
  };
  const read = facts[fact];
  return (_body, message) => {
    const value = read(message);
    return value === undefined ? whenMissing() : take(value);
  };
}

function fromAttribute(name: string, { path, take, whenMissing }: ValueTaker): MakeCell {
  const notText: Refusal = { reason: "attribute_not_text", path };
  return ({ attributes }) => {
    const attribute = attributes?.find((each) => each.name === name);
    if (attribute === undefined) return whenMissing();
    // A custom label may follow the type: `Number.int`.
    return /^Binary\b/.test(attribute.dataType) ? notText : take(attribute.value);
  };
}

/** The conversion to the column's type, unless a transform has made it already. */
function typed(column: ColumnMapping, path: string, store: Take<string>): Take {
  switch (valueKind(column)) {
    case "value":
      return converted(conversions[column.type], path, store);
    case "instant": {
      const written = column.type === "date" ? dayWriter() : instantText;
      return (millis) => store(written(millis as number));
    }
    case "time":
      if (column.type === "date") return (time) => store((time as string).slice(0, "YYYY-MM-DD".length));
      return store as Take;
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
      // A null in the text counts as one in the body.
      return (text) => {
        if (typeof text !== "string") return { reason: "field_not_text", path };
        const value = parseExactJson(text);
        if (value === undefined) return { reason: "field_not_json", path };
        return value === null ? whenNull : next(value);
      };
    case "mask":
      // The cell is masked when it is stored.
      return next;
  }
}

function converted(convert: Convert, path: string, next: Take<string>): Take {
  return (value) => {
    const text = convert(value, path);
    return typeof text === "string" ? next(text) : text;
  };
}

/** Refuses what the live table's column would refuse or round: Postgres would fail the whole batch, or store another value. */
function withinLimit(make: MakeCell, mapping: ColumnMapping, path: string, limit: ColumnLimit): MakeCell {
  const { column } = mapping;
  const { nullable, maxCharacters = Number.POSITIVE_INFINITY, maxFractionDigits = 0 } = limit;
  const precision = limit.maxFractionDigits === undefined ? undefined : precisions[storedType(mapping)];
  const refused = (reason: RejectionReason): Refusal => ({ reason, path, column });
  return (body, message) => {
    const cell = make(body, message);
    if (cell === null) return nullable ? cell : refused("null_not_allowed");
    if (isRefusal(cell)) return cell;
    if (!fitsCharacters(cell, maxCharacters)) return refused("text_too_long");
    if (precision === undefined || precision.digits(cell) <= maxFractionDigits) return cell;
    return refused(precision.reason);
  };
}

/**
 * Whether a text has at most so many characters, counted as Postgres counts them: in code points.
 *
 * Postgres would cut spaces off the end of a longer text to make it fit. Here they count: nothing is stored shortened.
 */
export function fitsCharacters(text: string, maxCharacters: number): boolean {
  // A code point takes one or two UTF-16 units, so the length decides most texts.
  if (text.length <= maxCharacters || text.length > 2 * maxCharacters) return text.length <= maxCharacters;
  return Array.from(text).length <= maxCharacters;
}

type Precision = { readonly digits: (cell: string) => number; readonly reason: RejectionReason };

/** How many digits after the point a cell needs, and the reason if its column keeps fewer. */
const precisions: Readonly<Partial<Record<ColumnType, Precision>>> = {
  numeric: { digits: (cell) => fractionDigits(readDecimal(cell) as Decimal), reason: "number_too_precise" },
  // A time is stored as `...:05.25Z`, without zeros at the end.
  timestamptz: { digits: (cell) => /\.(\d+)/.exec(cell)?.[1]?.length ?? 0, reason: "time_too_precise" },
};
