import { expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { checkSentTime } from "../../src/message/sent-time.ts";

test.each([[0], [1], [Date.UTC(2024, 1, 29)], [Date.UTC(9999, 11, 31, 23, 59, 59, 999)]])(
  "%d is a time that a queue sends",
  (millis) => {
    expect(() => checkSentTime(millis)).not.toThrow();
  },
);

test.each([[Number.NaN], [-1], [Date.UTC(10_000, 0, 1)], [8.64e15 + 1], [Number.POSITIVE_INFINITY]])(
  "%d is no time that a queue sends",
  (millis) => {
    expect(() => checkSentTime(millis)).toThrow(EtlError);
    expect(() => checkSentTime(millis)).toThrow(
      expect.objectContaining({ kind: "protocol", retryable: false }),
    );
  },
);
