/** A message's fields become the cells of its rows, masked as the mapping says. */

import { type ColumnParts, compileColumn } from "./column.ts";
import { checkMapping } from "./column-check.ts";
import { withinLimit } from "./column-limit.ts";
import { compileDecoder } from "./decode.ts";
import type { BodyFormat, ColumnMapping, Mapping } from "./mapping.ts";
import type { Message, MessageRef } from "./message.ts";
import { isRefusal, type Refusal, type Rejection } from "./rejection.ts";
import type { Cell, ColumnLimits, MappedMessage } from "./row.ts";
import { checkSentTime } from "./sent-time.ts";
import { valueKind } from "./value-kind.ts";

/**
 * Turns one message into its rows (today always one) or the first reason, in the mapping's order, why it has none. Tell
 * them apart with {@link isRefusal}. Neither holds the body, and a rejection holds nothing that the body held.
 */
export type MapMessage = (message: Message) => MappedMessage | Rejection;

/** What a mapping is compiled with. */
export interface MapperParts extends ColumnParts {
  /** What the live table allows; every cell is held against it, masked ones too. */
  readonly limits: ColumnLimits;
  readonly body: BodyFormat;
}

/**
 * Compiles a mapping, once a run: what a message goes through is decided here, and looked up nowhere.
 *
 * @returns a function that throws only what {@link checkSentTime} does
 * @throws EtlError `config` as {@link checkMapping}, `compileColumn` and `compileDecoder` do
 */
export function compileMapping(mapping: Mapping, parts: MapperParts): MapMessage {
  checkMapping(mapping);
  const decode = compileDecoder({ format: parts.body, exactNumbers: mapping.columns.some(keepsDigits) });
  const makers = mapping.columns.map((column) =>
    withinLimit(compileColumn(column, parts), column, parts.limits.get(column.column)),
  );
  return (message) => {
    const body = decode(message);
    if (isRefusal(body)) return rejection(message, body);
    checkSentTime(message.sentAtMillis);
    const row: Cell[] = [];
    for (const make of makers) {
      const cell = make(body, message);
      if (isRefusal(cell)) return rejection(message, cell);
      row.push(cell);
    }
    return { ref: refOf(message), rows: [row] };
  };
}

/** Whether a column reads numbers from bodies. What takes texts alone has no use for their digits. */
function keepsDigits(column: ColumnMapping): boolean {
  if (column.source.in !== "body" || valueKind(column) === "version") return false;
  return valueKind(column) === "time" || ["integer", "bigint", "numeric", "jsonb"].includes(column.type);
}

/** Of the message only what settles it: the body is free to go. */
function refOf({ messageId, receiptHandle, sentAtMillis, receiveCount }: MessageRef): MessageRef {
  return { messageId, receiptHandle, sentAtMillis, receiveCount };
}

function rejection({ messageId }: MessageRef, refusal: Refusal): Rejection {
  return { messageId, ...refusal };
}
