import { EtlError } from "../errors.ts";
import type { Convert } from "./conversions.ts";
import type { Refusal } from "./message.ts";
import { readDecimal, wholePart } from "./numbers.ts";

/** The first and the last millisecond of the years from 1 to 9999. */
const firstMillis = Date.parse("0001-01-01T00:00:00.000Z");
const lastMillis = Date.parse("9999-12-31T23:59:59.999Z");

const millisPerDay = 86_400_000;
const microsPerSecond = 1_000_000n;
const firstMicros = BigInt(firstMillis) * 1000n;
const lastMicros = BigInt(lastMillis) * 1000n + 999n;

const dayLength = "YYYY-MM-DD".length;
const secondLength = "YYYY-MM-DDTHH:MM:SS".length;

const calendarDay = /^(\d{4})-(\d\d)-(\d\d)$/;
const rfc3339 =
  /^(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** A text `YYYY-MM-DD` that is a day of the calendar, as it is. */
export function dateText(value: unknown, path: string): string | Refusal {
  return typeof value === "string" && isDay(value) ? value : { reason: "field_not_date", path };
}

/**
 * A time of RFC 3339 with its offset, written in UTC; a space may stand for the `T`. Digits after the microsecond are cut
 * off: Postgres has no place for them. A leap second (`23:59:60`) is refused, because Postgres makes another time of it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3339#section-5.6
 */
export function timeText(value: unknown, path: string): string | Refusal {
  const found = typeof value === "string" ? rfc3339.exec(value) : null;
  const [, day = "", time, fraction = "", sign, hours, minutes] = found ?? [];
  if (!isDay(day)) return { reason: "field_not_time", path };
  const local = `${day}T${time}`;
  if (sign === undefined) return `${local}${pointed(fraction)}Z`;
  const offsetMillis = (Number(hours) * 60 + Number(minutes)) * 60_000;
  const millis = Date.parse(`${local}Z`) + (sign === "-" ? offsetMillis : -offsetMillis);
  if (!isInYears(millis)) return { reason: "time_out_of_range", path };
  return `${isoSecond(millis)}${pointed(fraction)}Z`;
}

/**
 * A number of seconds or of milliseconds since 1970 UTC as a time, written as {@link timeText} does. What is less than a
 * microsecond is cut off, towards the past.
 */
export function epochText(unit: "epoch_seconds" | "epoch_millis"): Convert {
  const [millisPerUnit, microPlaces] = unit === "epoch_seconds" ? [1000, 6] : [1, 3];
  return (value, path) => {
    if (Number.isSafeInteger(value)) {
      const millis = (value as number) * millisPerUnit;
      return isInYears(millis) ? instantText(millis) : { reason: "time_out_of_range", path };
    }
    const decimal = readDecimal(value);
    if (decimal === undefined) return { reason: "field_not_number", path };
    const micros = wholePart(decimal, microPlaces);
    if (micros === undefined || micros < firstMicros || micros > lastMicros)
      return { reason: "time_out_of_range", path };
    const sinceFirst = micros - firstMicros;
    const second = isoSecond(firstMillis + Number(sinceFirst / microsPerSecond) * 1000);
    return `${second}${pointed(String(sinceFirst % microsPerSecond).padStart(6, "0"))}Z`;
  };
}

/**
 * A time as {@link timeText} writes it.
 *
 * @param millis since 1970 UTC, within the years 1 to 9999
 */
export function instantText(millis: number): string {
  const iso = new Date(millis).toISOString();
  return `${iso.slice(0, secondLength)}${pointed(iso.slice(secondLength + 1, -1))}Z`;
}

/**
 * Makes the UTC days of times, whatever zone the host is in: a replay gives the same day. The last one is kept,
 * because most messages of a run are of one day. Its range is {@link instantText}'s.
 */
export function dayWriter(): (millis: number) => string {
  let start = Number.NaN;
  let day = "";
  return (millis) => {
    if (!(millis >= start && millis < start + millisPerDay)) {
      start = Math.floor(millis / millisPerDay) * millisPerDay;
      day = new Date(start).toISOString().slice(0, dayLength);
    }
    return day;
  };
}

/**
 * Checks a message's `SentTimestamp`, which rows and ledger entries rest on.
 *
 * @param millis milliseconds since 1970 UTC
 * @throws EtlError `protocol` if it is not a time of the years 1970 to 9999: a queue that says so cannot be believed, and
 * the ledger could not recognise its messages
 */
export function checkSentTime(millis: number): void {
  if (millis >= 0 && isInYears(millis)) return;
  throw new EtlError({
    kind: "protocol",
    operation: "map",
    message: "the queue sent a message whose SentTimestamp is not a time between the years 1970 and 9999",
    hint: "check that the queue's URL or endpoint is one of an SQS queue",
  });
}

/** Whether a time is within the years 1 to 9999; NaN is not. */
function isInYears(millis: number): boolean {
  return millis >= firstMillis && millis <= lastMillis;
}

function isDay(text: string): boolean {
  const found = calendarDay.exec(text);
  if (found === null) return false;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number];
  return year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= lastDay(year, month);
}

function lastDay(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function isoSecond(millis: number): string {
  return new Date(millis).toISOString().slice(0, secondLength);
}

/** A second's fraction to the microsecond, with its point; nothing for none, so that equal times are equal texts. */
function pointed(fraction: string): string {
  const digits = fraction.slice(0, 6).replace(/0+$/, "");
  return digits === "" ? "" : `.${digits}`;
}
