/** A delivery that this run has received and not yet settled. */

import type { Message, MessageRef } from "../message/message.ts";
import { isRefusal, type Rejection } from "../message/rejection.ts";
import type { MappedMessage, Row } from "../message/row.ts";

/** One delivery, mapped. */
export interface Arrival {
  readonly ref: MessageRef;
  /** The row it becomes; undefined where it becomes none. */
  readonly row: Row | undefined;
  /** Why it becomes none. */
  readonly rejection: Rejection | undefined;
  /** The message as it came; kept only where rejected messages are sent on whole. */
  readonly letter: Message | undefined;
  /** What it takes up in memory, about, in bytes. */
  readonly bytes: number;
}

/**
 * Makes an arrival of a message; of the message itself only what settles it is kept.
 *
 * @param keepsLetter whether it may have to be sent on: with the body that came, which a payload only stands in for
 */
export function toArrival(
  message: Message,
  mapped: MappedMessage | Rejection,
  keepsLetter: boolean,
): Arrival {
  const { messageId, receiptHandle, sentAtMillis, receiveCount, groupId } = message;
  const place = { messageId, receiptHandle, sentAtMillis, receiveCount };
  const ref = groupId === undefined ? place : { ...place, groupId };
  const rejection = isRefusal(mapped) ? mapped : undefined;
  const row = isRefusal(mapped) ? undefined : mapped.row;
  const letter = keepsLetter ? withoutPayload(message) : undefined;
  return { ref, row, rejection, letter, bytes: bytesOf(row, letter) };
}

function withoutPayload(message: Message): Message {
  if (message.payload === undefined) return message;
  const { payload: _payload, ...letter } = message;
  return letter;
}

/** Whether the delivery became a row. */
export function isRow(arrival: Arrival): arrival is Arrival & MappedMessage {
  return arrival.row !== undefined;
}

/** What an arrival takes up: about a byte a character, and some for the object itself. */
function bytesOf(row: Row | undefined, letter: Message | undefined): number {
  let bytes = 500 + (letter?.body.length ?? 0);
  if (row !== undefined) for (const cell of row) bytes += cell?.length ?? 0;
  return bytes;
}
