/** The UTC day of the time a message was sent. */

import { EtlError } from "../../errors.ts";
import type { Plain } from "../row.ts";

/** The last millisecond whose year has four digits. */
const lastMillis = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * The day as `YYYY-MM-DD`, whatever zone the host is in: a replay gives the same day.
 *
 * @param millis milliseconds since 1970 UTC
 * @throws EtlError `protocol` where that is no time from 1970 to 9999: a queue that says so cannot be believed, and
 * the ledger could not recognise its messages
 */
export function utcDate(millis: number): Plain {
  // Written so that NaN fails it.
  if (!(millis >= 0 && millis <= lastMillis)) {
    throw new EtlError({
      kind: "protocol",
      operation: "map",
      message: "the queue sent a message whose SentTimestamp is not a time between the years 1970 and 9999",
      hint: "check that the queue's URL or endpoint is one of an SQS queue",
    });
  }
  return new Date(millis).toISOString().slice(0, 10) as Plain;
}
