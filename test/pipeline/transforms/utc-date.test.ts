import { describe, expect, test } from "bun:test";
import { EtlError } from "../../../src/errors.ts";
import { utcDate } from "../../../src/pipeline/transforms/utc-date.ts";

describe("utcDate", () => {
  test.each([
    [0, "1970-01-01"],
    [86_399_999, "1970-01-01"],
    [86_400_000, "1970-01-02"],
    [Date.UTC(2024, 1, 29, 23, 59, 59, 999), "2024-02-29"],
    [Date.UTC(2024, 2, 1), "2024-03-01"],
    [Date.UTC(9999, 11, 31, 23, 59, 59, 999), "9999-12-31"],
  ])("%d is %s", (millis, day) => {
    expect(utcDate(millis) as string).toBe(day);
  });

  test("does not ask which zone the host is in", () => {
    const before = process.env.TZ;
    try {
      for (const zone of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
        process.env.TZ = zone;
        expect(utcDate(Date.UTC(2024, 0, 1, 0, 30)) as string).toBe("2024-01-01");
        expect(utcDate(Date.UTC(2024, 0, 1, 23, 30)) as string).toBe("2024-01-01");
      }
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  test.each([[Number.NaN], [-1], [Date.UTC(10_000, 0, 1)], [8.64e15 + 1], [Number.POSITIVE_INFINITY]])(
    "%d is no time that a queue sends",
    (millis) => {
      expect(() => utcDate(millis)).toThrow(EtlError);
      expect(() => utcDate(millis)).toThrow(expect.objectContaining({ kind: "protocol", retryable: false }));
    },
  );
});
