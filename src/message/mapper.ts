import { compileDecoder, looksLike } from "./body.ts";
import { compileColumn, finder, misfit, missing } from "./column.ts";
import { bigintBits, integerBits } from "./conversions.ts";
import { FieldTally, otherNames, sourcesOf, tellableFields } from "./fields.ts";
import { parseExactJson, parseJson } from "./json.ts";
import {
  type BodyFormat,
  type ColumnMapping,
  type ColumnType,
  columnTypes,
  type Mapping,
  sourceName,
} from "./mapping.ts";
import type { Masker } from "./mask.ts";
import {
  type Cell,
  type ColumnLimits,
  isRefusal,
  type MappedMessage,
  type Message,
  type Refusal,
  type Rejection,
} from "./message.ts";
import { type ValueKind, valueKind } from "./stored-type.ts";
import { checkSentTime } from "./time.ts";

/**
 * Turns one message into its rows (today always one) or the first reason, in the mapping's order, why it has none. Tell
 * them apart with {@link isRefusal}. Neither holds the body, and a rejection holds nothing that the body held.
 */
export type MapMessage = (message: Message) => MappedMessage | Rejection;

/** What a mapping is compiled with. */
export interface MapperParts {
  readonly masker: Masker;
  /** The time in milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** What the live table allows; every cell is held against it, masked ones too. */
  readonly limits: ColumnLimits;
  readonly body: BodyFormat;
  /** Counts the fields of what becomes rows. @defaultValue nobody asks for them */
  readonly fields?: FieldTally;
}

/**
 * Compiles a mapping, once a run: what a message goes through is decided here, and looked up nowhere.
 *
 * @returns a function that throws only what {@link checkSentTime} does
 * @throws EtlError `config` if a column's parts do not go together, or as {@link compileColumn} and {@link compileDecoder} do
 */
export function compileMapping(mapping: Mapping, parts: MapperParts): MapMessage {
  for (const column of mapping.columns) {
    const [fault] = faults(column);
    if (fault !== undefined) throw misfit(column, ...fault);
  }
  const { unmapped = "warn" } = mapping;
  const decode = compileDecoder(parts.body, mapping.columns.some(keepsDigits) ? parseExactJson : parseJson);
  const { fields: tally = new FieldTally(mapping) } = parts;
  const sources = sourcesOf(mapping.columns);
  /** Places in `sources`, of the message that is being mapped. */
  const absent: number[] = [];
  const makers = mapping.columns.map((column, index) => {
    const name = sourceName(column.source);
    const isFirst = mapping.columns.findIndex(({ source }) => sourceName(source) === name) === index;
    const place = sources.indexOf(name);
    return compileColumn(column, parts, isFirst ? () => absent.push(place) : undefined);
  });
  const isNothing = nothingFinder(mapping);
  return (message) => {
    const { messageId, receiptHandle, sentAtMillis, receiveCount } = message;
    const body = decode(message);
    if (isRefusal(body)) return { messageId, ...body };
    checkSentTime(sentAtMillis);
    const row: Cell[] = [];
    if (absent.length > 0) absent.length = 0;
    for (const make of makers) {
      const cell = make(body, message);
      if (isRefusal(cell))
        return { messageId, ...(isNothing(body.fields) ? nothingMapped(body.fields) : cell) };
      row.push(cell);
    }
    if (absent.length > 0 && isNothing(body.fields)) return { messageId, ...nothingMapped(body.fields) };
    if (unmapped === "reject") {
      const name = tally.firstUnmapped(body.fields);
      if (name !== undefined) return { messageId, ...fieldUnmapped(name) };
    }
    tally.count(absent, unmapped === "warn" ? body.fields : undefined);
    // Only what settles the message: its body is free to go.
    return { ref: { messageId, receiptHandle, sentAtMillis, receiveCount }, rows: [row] };
  };
}

/** Whether a body has none of the fields that columns take. A mapping that takes none has nothing to miss. */
function nothingFinder({ columns }: Mapping): (fields: object) => boolean {
  const finders = columns.flatMap(({ source }) => (source.in === "body" ? [finder(source.path)] : []));
  return (fields) => finders.length > 0 && finders.every((find) => find(fields) === missing);
}

function nothingMapped(fields: object): Refusal {
  const shape = looksLike(fields);
  return {
    reason: "nothing_mapped",
    path: "",
    ...tellableFields(fields),
    ...(shape && { looksLike: shape }),
  };
}

function fieldUnmapped(name: string): Refusal {
  const refusal = { reason: "field_unmapped", path: name } as const;
  return name === otherNames ? { ...refusal, path: "", otherFields: 1 } : refusal;
}

/** Whether a column reads numbers from bodies. A column that takes texts alone has no use for their digits. */
function keepsDigits(column: ColumnMapping): boolean {
  const kind = valueKind(column);
  if (column.source.in !== "body" || kind === "version") return false;
  return kind === "time" || ["integer", "bigint", "numeric", "jsonb"].includes(column.type);
}

const timeTypes = ["date", "timestamptz"] as const;

/** What a kind is called, and what it can be stored as. A version that is a text, which is the default, is stored by its bits. */
const kinds: Readonly<Record<ValueKind, { readonly name: string; readonly types: readonly ColumnType[] }>> = {
  value: { name: "a value", types: columnTypes },
  instant: { name: "a time", types: timeTypes },
  time: { name: "a time", types: timeTypes },
  version: { name: "a version", types: ["text", "integer", "bigint", "numeric"] },
};

/** What does not go together in a column, as far as the mapping alone tells. */
function* faults(column: ColumnMapping): Generator<readonly [problem: string, hint: string]> {
  const { source, transforms, type } = column;
  if (source.in === "body" && source.path.length === 0)
    yield ["its path into the body is empty", "name a field of the body"];
  if (column.required && column.default !== undefined)
    yield ["it is required and has a default", "take one of the two out"];
  if (column.default !== undefined && valueKind({ source, transforms: [] }) === "instant")
    yield ["its source is always there, and it has a default", "take the default out"];
  for (const [index, step] of transforms.entries()) {
    const before = valueKind({ source, transforms: transforms.slice(0, index) });
    if (step.kind === "mask") {
      if (index < transforms.length - 1) yield ["a transform follows the mask", "put the mask last"];
      const isAddress = step.method === "truncate" || step.canonical !== undefined;
      if (isAddress && type !== "text" && type !== "inet")
        yield [`${type} is masked as an IP address`, "set the type to inet"];
    } else if (before !== "value") {
      yield [`the transform ${step.kind} cannot be made from ${kinds[before].name}`, "take it out"];
    } else if (step.kind === "version") {
      const bits = step.bits.reduce((total, count) => total + count, 0);
      const most = type === "integer" ? integerBits : bigintBits;
      if (bits > most || step.bits.some((count) => !Number.isInteger(count) || count < 1))
        yield [
          `its version takes ${step.bits.join(" + ")} bits, and ${most} fit`,
          `give each part one bit or more, and ${most} in all at the most`,
        ];
    }
  }
  const { name, types } = kinds[valueKind(column)];
  if (!types.includes(type))
    yield [`${name} cannot be of type ${type}`, `set the type to ${types.join(" or ")}`];
}
