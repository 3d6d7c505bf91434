/** What a value looks like, whatever its field is called. It is looked at and forgotten: only the shape goes on. */

/** The shapes that a text can be recognised by. */
export type Shape =
  | "ip"
  /** Several addresses, as proxies add theirs to a list. */
  | "ips"
  | "email"
  | "phone"
  | "mac"
  | "imei"
  | "ssn"
  | "coordinates"
  | "uuid"
  | "date"
  | "timestamp"
  | "version"
  | "integer"
  | "decimal"
  | "boolean"
  | "json";

/** No address, number or time is longer; a longer text is JSON or a text. */
const longestShaped = 320;

/** How much of a text is looked through for an address that somebody has written into it. */
const longestSearched = 10_000;

const emailAddress = /[^\s@<>"]{1,64}@[^\s@<>"]+\.[\p{L}]{2,}/u;

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const date = "\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])";

const patterns: readonly (readonly [Shape, RegExp])[] = [
  ["ip", new RegExp(`^${octet}(?:\\.${octet}){3}$`)],
  // Eight groups in hexadecimal, or fewer with the mark that some are left out; a time of day has neither.
  ["ip", /^(?=.*::|(?:[^:]+:){7}[^:]+$)[\da-f:]{2,39}$/i],
  ["ip", new RegExp(`^[\\da-f:]*:${octet}(?:\\.${octet}){3}$`, "i")],
  ["ips", new RegExp(`^${octet}(?:\\.${octet}){3}(?: *, *[\\da-f:.]+)+$`, "i")],
  ["mac", /^[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}$/i],
  ["ssn", /^\d{3}-\d{2}-\d{4}$/],
  ["coordinates", /^-?\d{1,3}\.\d{2,} ?[,;] ?-?\d{1,3}\.\d{2,}$/],
  ["uuid", /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i],
  ["date", new RegExp(`^${date}$`)],
  [
    "timestamp",
    new RegExp(`^${date}[T ]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?:Z|[+-]\\d{2}:?\\d{2})$`, "i"),
  ],
  ["version", /^\d{1,5}(?:\.\d{1,5}){1,2}$/],
  ["integer", /^-?(?:0|[1-9]\d*)$/],
  ["decimal", /^-?(?:0|[1-9]\d*)\.\d+$/],
  ["boolean", /^(?:true|false)$/],
];

/** Every shape that the text has; `2.3` is a version and a decimal, `+4930123456` a phone number alone. */
export function shapesOf(text: string): ReadonlySet<Shape> {
  const shapes = new Set<Shape>();
  if (isJson(text)) shapes.add("json");
  if (emailAddress.test(text.slice(0, longestSearched))) shapes.add("email");
  if (text.length > longestShaped) return shapes;
  const trimmed = text.trim();
  for (const [shape, pattern] of patterns) if (pattern.test(trimmed)) shapes.add(shape);
  if (isPhone(trimmed)) shapes.add("phone");
  if (isImei(trimmed)) shapes.add("imei");
  return shapes;
}

/** Shapes that only values of a person have. */
export const personalShapes = ["ip", "ips", "email", "phone", "mac", "imei", "ssn", "coordinates"] as const;

/**
 * A number with its country (E.164 with or without spaces), or one with brackets around its area. Digits alone may be
 * anything: those are told by the field's name.
 *
 * @see https://www.itu.int/rec/T-REC-E.164
 */
function isPhone(text: string): boolean {
  if (!/^(?:\+|00|\()[\d ()./-]+$/.test(text)) return false;
  const digits = text.replaceAll(/\D/g, "").length;
  return digits >= 8 && digits <= 17;
}

/**
 * Fifteen digits, the last of them a check digit: one in ten other numbers of that length passes, too.
 *
 * @see https://en.wikipedia.org/wiki/Luhn_algorithm
 */
function isImei(text: string): boolean {
  if (!/^\d{15}$/.test(text)) return false;
  const sum = [...text].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** An object or an array: a lone number or word is JSON, too, and no reason to read it as such. */
function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
