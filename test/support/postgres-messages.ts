/** Rows of the reference mapping, made by number, for tests that load them. */

import type { MappedMessage, Plain, Row } from "../../src/message/message.ts";

/** 2026-01-02T03:04:05.678Z. */
const firstSentAtMillis = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** A message of the reference mapping; every tenth has no locale. */
export function loginMessage(
  number: number,
  changes: Readonly<Record<number, string | null>> = {},
): MappedMessage {
  const cells: (string | null)[] = [
    `user-${number}`,
    "android",
    `hmac:0badcafe:${number}`,
    `hmac:0badcafe:${number + 1}`,
    number % 10 === 0 ? null : "RU",
    "131840",
    "2026-01-02",
  ];
  for (const [index, value] of Object.entries(changes)) cells[Number(index)] = value;
  return {
    ref: {
      messageId: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
      receiptHandle: `handle-${number}`,
      sentAtMillis: firstSentAtMillis + number,
      receiveCount: 1,
    },
    rows: [cells as unknown as Row as readonly (Plain | null)[]],
  };
}

/** So many messages, from a number on. */
export function loginMessages(count: number, from = 1): MappedMessage[] {
  return Array.from({ length: count }, (_, index) => loginMessage(from + index));
}
