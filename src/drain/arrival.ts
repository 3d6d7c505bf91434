/** A delivery that this run has received and not yet settled. */

import type { Message, MessageRef } from "../pipeline/message.ts";
import type { Rejection } from "../pipeline/rejection.ts";
import type { Row } from "../pipeline/row.ts";

/** One delivery, mapped. */
export interface Arrival {
  readonly ref: MessageRef;
  /** The row it becomes, or why it becomes none. */
  readonly outcome: Row | Rejection;
  /** The message as it came; kept only where rejected messages are sent on whole. */
  readonly letter?: Message | undefined;
  /** What it takes up in memory, about, in bytes. */
  readonly bytes: number;
}

/** Whether the delivery became a row. */
export function isRow(outcome: Row | Rejection): outcome is Row {
  return Array.isArray(outcome);
}

/** What an arrival takes up: about a byte a character, and some for the object itself. */
export function bytesOf(outcome: Row | Rejection, letter: Message | undefined): number {
  let bytes = 500 + (letter?.body.length ?? 0);
  if (isRow(outcome)) for (const cell of outcome) bytes += cell?.length ?? 0;
  return bytes;
}
