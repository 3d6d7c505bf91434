import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseExactJson } from "../../src/message/json.ts";
import { isRefusal, type Refusal } from "../../src/message/message.ts";
import {
  checkSentTime,
  dateText,
  dayWriter,
  epochText,
  instantText,
  timeText,
} from "../../src/message/time.ts";

function told(outcome: string | Refusal): string {
  return isRefusal(outcome) ? outcome.reason : outcome;
}

const firstMillis = Date.parse("0001-01-01T00:00:00Z");
const lastMillis = Date.parse("9999-12-31T23:59:59.999Z");
const anyMillis = fc.integer({ min: firstMillis, max: lastMillis });

describe("timeText", () => {
  test.each([
    ["2024-06-30T12:00:00Z", "2024-06-30T12:00:00Z"],
    ["2024-06-30t12:00:00z", "2024-06-30T12:00:00Z"],
    ["2024-06-30 12:00:00+00:00", "2024-06-30T12:00:00Z"],
    ["2024-06-30T12:00:00-00:00", "2024-06-30T12:00:00Z"],
    ["2024-06-30T12:00:00+02:00", "2024-06-30T10:00:00Z"],
    ["2024-01-01T00:30:00+05:45", "2023-12-31T18:45:00Z"],
    ["2024-02-28T20:00:00-08:00", "2024-02-29T04:00:00Z"],
    ["2024-06-30T12:00:00.123456Z", "2024-06-30T12:00:00.123456Z"],
    ["2024-06-30T12:00:00.1200Z", "2024-06-30T12:00:00.12Z"],
    ["2024-06-30T12:00:00.000Z", "2024-06-30T12:00:00Z"],
    ["2024-06-30T12:00:00.123456999-01:00", "2024-06-30T13:00:00.123456Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
    ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"],
    ["0099-01-01T00:00:00+01:00", "0098-12-31T23:00:00Z"],
    ["0001-01-01T00:00:00+00:01", "time_out_of_range"],
    ["9999-12-31T23:59:59-00:01", "time_out_of_range"],
  ])("%j: %s", (text, outcome) => {
    expect(told(timeText(text, "f"))).toBe(outcome);
  });

  test.each<[string, ...string[]]>([
    [
      "a form that it is not",
      "",
      "infinity",
      "epoch",
      "2024-06-30",
      "2024-06-30T12:00:00",
      "2024-06-30T12:00Z",
    ],
    ["an offset", "2024-06-30T12:00:00+02", "2024-06-30T12:00:00+0200", "2024-06-30T12:00:00 +02:00"],
    ["an offset past a day", "2024-06-30T12:00:00+24:00", "2024-06-30T12:00:00+02:60"],
    ["a fraction", "2024-06-30T12:00:00.Z", "2024-06-30T12:00:00,5Z"],
    ["a day", "2026-02-30T12:00:00Z", "2024-13-01T12:00:00Z", "2024-06-31T12:00:00Z"],
    ["a time of day", "2024-06-30T24:00:00Z", "2024-06-30T12:60:00Z", "2016-12-31T23:59:60Z"],
    ["a year", "0000-06-30T12:00:00Z", "12024-06-30T12:00:00Z"],
    ["a line's end", "2024-06-30T12:00:00Z\n"],
  ])("refuses %s", (_name, ...texts) => {
    for (const text of texts) expect([text, told(timeText(text, "f"))]).toEqual([text, "field_not_time"]);
  });

  test("is the moment that was written, in whatever zone", () => {
    fc.assert(
      fc.property(anyMillis, fc.integer({ min: -1439, max: 1439 }), (millis, offset) => {
        const local = millis + offset * 60_000;
        fc.pre(local >= firstMillis && local <= lastMillis);
        const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map((each) =>
          String(each).padStart(2, "0"),
        );
        const text = `${new Date(local).toISOString().slice(0, -1)}${offset < 0 ? "-" : "+"}${hours}:${minutes}`;
        const stored = told(timeText(text, "f"));
        expect(Date.parse(stored)).toBe(millis);
        expect(stored).toBe(instantText(millis));
      }),
      { numRuns: 2000 },
    );
  });

  test("a written time is its own text", () => {
    fc.assert(
      fc.property(anyMillis, (millis) => {
        expect(told(timeText(instantText(millis), "f"))).toBe(instantText(millis));
      }),
    );
  });
});

describe("dateText", () => {
  test("takes the days that a calendar has, and no others", () => {
    const part = (max: number) => fc.nat(max).map((each) => String(each).padStart(2, "0"));
    fc.assert(
      fc.property(fc.nat(9999), part(14), part(33), (year, month, day) => {
        const text = `${String(year).padStart(4, "0")}-${month}-${day}`;
        const date = new Date(0);
        date.setUTCFullYear(year, Number(month) - 1, Number(day));
        const exists = year > 0 && date.toISOString().startsWith(text);
        expect(told(dateText(text, "f"))).toBe(exists ? text : "field_not_date");
      }),
      { numRuns: 5000 },
    );
  });
});

describe("epochText", () => {
  const epoch = (unit: "epoch_seconds" | "epoch_millis", json: string) =>
    told(epochText(unit)(parseExactJson(json), "f"));

  test.each([
    ["epoch_seconds", "0", "1970-01-01T00:00:00Z"],
    ["epoch_seconds", "1700000000", "2023-11-14T22:13:20Z"],
    ["epoch_seconds", "1700000000.123456", "2023-11-14T22:13:20.123456Z"],
    ["epoch_seconds", "1700000000.1234569", "2023-11-14T22:13:20.123456Z"],
    ["epoch_seconds", "1.7000000005E9", "2023-11-14T22:13:20.5Z"],
    ["epoch_seconds", '"1700000000.5"', "2023-11-14T22:13:20.5Z"],
    ["epoch_seconds", "-1", "1969-12-31T23:59:59Z"],
    ["epoch_seconds", "-0.5", "1969-12-31T23:59:59.5Z"],
    ["epoch_seconds", "-0.0000001", "1969-12-31T23:59:59.999999Z"],
    ["epoch_seconds", "-62135596800", "0001-01-01T00:00:00Z"],
    ["epoch_seconds", "-62135596800.000001", "time_out_of_range"],
    ["epoch_seconds", "-62135596801", "time_out_of_range"],
    ["epoch_seconds", "253402300799.999999", "9999-12-31T23:59:59.999999Z"],
    ["epoch_seconds", "253402300800", "time_out_of_range"],
    ["epoch_seconds", "253402300800.0", "time_out_of_range"],
    ["epoch_seconds", "1700000000000", "time_out_of_range"],
    ["epoch_seconds", "1e400", "time_out_of_range"],
    ["epoch_seconds", '"2024-06-30"', "field_not_number"],
    ["epoch_seconds", '""', "field_not_number"],
    ["epoch_seconds", "true", "field_not_number"],
    ["epoch_millis", "1700000000123", "2023-11-14T22:13:20.123Z"],
    ["epoch_millis", '"1700000000123"', "2023-11-14T22:13:20.123Z"],
    ["epoch_millis", "1700000000123.4567", "2023-11-14T22:13:20.123456Z"],
    ["epoch_millis", "-1", "1969-12-31T23:59:59.999Z"],
    ["epoch_millis", "253402300799999.999", "9999-12-31T23:59:59.999999Z"],
    ["epoch_millis", "253402300800000", "time_out_of_range"],
  ] as const)("%s of %s: %s", (unit, json, outcome) => {
    expect(epoch(unit, json)).toBe(outcome);
  });

  test("any microsecond comes through, as seconds and as milliseconds", () => {
    const first = BigInt(firstMillis) * 1000n;
    const last = BigInt(lastMillis) * 1000n + 999n;
    fc.assert(
      fc.property(fc.bigInt({ min: first, max: last }), (micros) => {
        const [millis, rest] = [(micros - first) / 1000n, (micros - first) % 1000n];
        const iso = new Date(firstMillis + Number(millis)).toISOString().slice(0, -1);
        const stored = epoch("epoch_seconds", `${micros}e-6`);
        const fraction = stored.includes(".") ? stored.slice(0, -1) : `${stored.slice(0, -1)}.`;
        expect(fraction.padEnd(26, "0")).toBe(`${iso}${String(rest).padStart(3, "0")}`);
        expect(epoch("epoch_millis", `${micros}e-3`)).toBe(stored);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("dayWriter", () => {
  test("does not ask which zone the host is in", () => {
    const before = process.env.TZ;
    try {
      for (const zone of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
        process.env.TZ = zone;
        expect(dayWriter()(Date.UTC(2024, 0, 1, 0, 30))).toBe("2024-01-01");
        expect(dayWriter()(Date.UTC(2024, 0, 1, 23, 30))).toBe("2024-01-01");
      }
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  test.each([
    [0, "1970-01-01"],
    [86_399_999, "1970-01-01"],
    [86_400_000, "1970-01-02"],
    [Date.UTC(2024, 1, 29, 23, 59, 59, 999), "2024-02-29"],
    [Date.UTC(2024, 2, 1), "2024-03-01"],
    [lastMillis, "9999-12-31"],
  ])("%d is %s", (millis, day) => {
    expect(dayWriter()(millis)).toBe(day);
  });

  test("whatever it wrote before, it writes the day of the time it is given", () => {
    const day = dayWriter();
    const near = fc.integer({ min: -3 * 86_400_000, max: 3 * 86_400_000 });
    fc.assert(
      fc.property(fc.oneof(near, anyMillis), (millis) => {
        expect(day(millis)).toBe(new Date(millis).toISOString().slice(0, 10));
      }),
      { numRuns: 2000 },
    );
  });
});

test.each([
  [0, true],
  [1, true],
  [Date.UTC(2024, 1, 29), true],
  [lastMillis, true],
  [lastMillis + 1, false],
  [-1, false],
  [8.64e15 + 1, false],
  [Number.NaN, false],
  [Number.POSITIVE_INFINITY, false],
])("%d as the time a message was sent is believed: %p", (millis, isBelieved) => {
  const check = () => checkSentTime(millis);
  if (isBelieved) expect(check).not.toThrow();
  else
    expect(check).toThrow(expect.objectContaining({ name: "EtlError", kind: "protocol", retryable: false }));
});
