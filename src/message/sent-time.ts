/** Holds the queue to its word about when a message was sent: rows and ledger entries rest on it. */

import { EtlError } from "../errors.ts";

/** The last millisecond whose year has four digits. */
const lastMillis = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Checks a `SentTimestamp`.
 *
 * @param millis milliseconds since 1970 UTC
 * @throws EtlError `protocol` where that is no time from 1970 to 9999: a queue that says so cannot be believed, and
 * the ledger could not recognise its messages
 */
export function checkSentTime(millis: number): void {
  // Written so that NaN fails it.
  if (millis >= 0 && millis <= lastMillis) return;
  throw new EtlError({
    kind: "protocol",
    operation: "map",
    message: "the queue sent a message whose SentTimestamp is not a time between the years 1970 and 9999",
    hint: "check that the queue's URL or endpoint is one of an SQS queue",
  });
}
