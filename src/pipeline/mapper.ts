/** The third station of a message's way: its fields become the cells of a row, masked where the mapping says so. */

import { EtlError } from "../errors.ts";
import { type DecodedBody, decodeBody, fieldOf } from "./decode.ts";
import type { ColumnMapping, Mapping } from "./mapping.ts";
import type { Message, MessageRef } from "./message.ts";
import { isRefusal, type Refusal, type Rejection, type RejectionReason } from "./rejection.ts";
import type { Cell, ColumnLimit, ColumnLimits, MappedMessage, Plain } from "./row.ts";
import { fitsCharacters, textFault } from "./text.ts";
import type { Masker } from "./transforms/mask.ts";
import { utcDate } from "./transforms/utc-date.ts";
import { packVersion } from "./transforms/version.ts";

/**
 * Turns one message into a row or the first reason, in the mapping's order, why it is none. Tell them apart with
 * {@link isRefusal}. Neither holds the body, and a rejection holds nothing that the body held.
 */
export type MapMessage = (message: Message) => MappedMessage | Rejection;

type MakeCell = (body: DecodedBody, ref: MessageRef) => Cell | Refusal;

const sentAt = "$sent_at";

/**
 * Compiles a mapping, once a run.
 *
 * @param limits what the live table allows; every cell is held against it, masked ones too
 * @returns a function that throws only what {@link utcDate} does
 * @throws EtlError `config` where a column's source and transform do not go together, or as {@link Masker.forField} does
 */
export function compileMapping(mapping: Mapping, masker: Masker, limits: ColumnLimits): MapMessage {
  const makers = mapping.map((column) =>
    withinLimit(cellMaker(column, masker), column, limits.get(column.column)),
  );
  return (message) => {
    const body = decodeBody(message);
    if (isRefusal(body)) return rejection(message, body);
    const row: Cell[] = [];
    for (const make of makers) {
      const cell = make(body, message);
      if (isRefusal(cell)) return rejection(message, cell);
      row.push(cell);
    }
    return { ref: refOf(message), row };
  };
}

/** Of the message only what settles it: the body is free to go. */
function refOf({ messageId, receiptHandle, sentAtMillis, receiveCount }: MessageRef): MessageRef {
  return { messageId, receiptHandle, sentAtMillis, receiveCount };
}

function rejection({ messageId }: MessageRef, refusal: Refusal): Rejection {
  return { messageId, ...refusal };
}

function cellMaker(column: ColumnMapping, masker: Masker): MakeCell {
  const { from, transform } = column;
  if ((transform === "utc_date") !== (from === sentAt)) throw unfitSource(column);
  switch (transform) {
    case "text":
      return fromText(column, "field_not_text", (text) => text as Plain);
    case "mask":
      return fromText(column, "field_not_text", masker.forField(from, column.canonical));
    case "version":
      return fromText(column, "version_not_text", (text) => packVersion(text, from));
    case "utc_date":
      return (_body, ref) => utcDate(ref.sentAtMillis);
  }
}

/** Reads a field that must be a text, and makes a cell of it. */
function fromText(
  { from: path, required }: ColumnMapping,
  wrongType: RejectionReason,
  make: (text: string) => Cell | Refusal,
): MakeCell {
  const missing: Cell | Refusal = required ? { reason: "field_missing", path } : null;
  const absent: Cell | Refusal = required ? { reason: "field_null", path } : null;
  return (body) => {
    const value = fieldOf(body, path);
    if (value === undefined) return missing;
    if (value === null) return absent;
    if (typeof value !== "string") return { reason: wrongType, path };
    // Before masking, too: texts that are not well-formed would mask alike.
    const fault = textFault(value);
    return fault === undefined ? make(value) : { reason: fault, path };
  };
}

/** Refuses what the column would refuse, and names it: the database would fail the whole batch instead. */
function withinLimit(make: MakeCell, { column, from: path }: ColumnMapping, limit?: ColumnLimit): MakeCell {
  if (limit === undefined) return make;
  const { nullable, maxCharacters = Number.POSITIVE_INFINITY } = limit;
  return (body, ref) => {
    const cell = make(body, ref);
    if (cell === null) return nullable ? cell : { reason: "null_not_allowed", path, column };
    if (isRefusal(cell) || fitsCharacters(cell, maxCharacters)) return cell;
    return { reason: "text_too_long", path, column };
  };
}

function unfitSource({ column, from, transform }: ColumnMapping): EtlError {
  return new EtlError({
    kind: "config",
    operation: "map",
    message: `column ${column}: the transform ${transform} cannot be made from ${from}`,
    hint: `use the transform utc_date with ${sentAt}, and with nothing else`,
  });
}
