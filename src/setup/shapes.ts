/** What a value looks like, whatever its field is called. It is looked at and forgotten: only the shape goes on. */

import { cardDigits, isCardNumber } from "./card-number.ts";
import { isIban } from "./iban.ts";
import { isJsonWebToken } from "./json-web-token.ts";
import { passesLuhn } from "./luhn.ts";

/** The shapes that a text can be recognised by. */
export type Shape =
  | "ip"
  /** Several addresses, as proxies add theirs to a list. */
  | "ips"
  /** An address with a port, or with the zone that it is of. */
  | "endpoint"
  | "email"
  | "phone"
  | "mac"
  | "imei"
  | "ssn"
  | "card"
  /** A number as long as a card's that is none. */
  | "digits"
  | "iban"
  | "jwt"
  | "coordinates"
  | "uuid"
  | "date"
  | "timestamp"
  | "version"
  | "integer"
  | "decimal"
  | "boolean"
  | "json";

/** No address, number or time is longer; a longer text is JSON, a token or a text. */
const longestShaped = 320;

/** How much of a text is looked through for an address that somebody has written into it. */
const longestSearched = 10_000;

const emailAddress = /[^\s@<>"]{1,64}@[^\s@<>"]+\.[\p{L}]{2,}/u;

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4 = `${octet}(?:\\.${octet}){3}`;
const date = "\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])";

const addresses: readonly RegExp[] = [
  new RegExp(`^${ipv4}$`),
  // Eight groups in hexadecimal, or fewer with the mark that some are left out; a time of day has neither.
  /^(?=.*::|(?:[^:]+:){7}[^:]+$)[\da-f:]{2,39}$/i,
  new RegExp(`^[\\da-f:]*:${ipv4}$`, "i"),
];

const patterns: readonly (readonly [Shape, RegExp])[] = [
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
  const trimmed = text.trim();
  if (isJson(text)) shapes.add("json");
  if (isJsonWebToken(trimmed)) shapes.add("jwt");
  if (emailAddress.test(text.slice(0, longestSearched))) shapes.add("email");
  if (text.length > longestShaped) return shapes;
  for (const [shape, pattern] of patterns) if (pattern.test(trimmed)) shapes.add(shape);
  if (isAddress(trimmed)) shapes.add("ip");
  if (isEndpoint(trimmed)) shapes.add("endpoint");
  if (isAddressList(trimmed)) shapes.add("ips");
  if (isPhone(trimmed)) shapes.add("phone");
  if (isImei(trimmed)) shapes.add("imei");
  if (isIban(trimmed)) shapes.add("iban");
  const digits = cardDigits(trimmed);
  if (digits !== undefined) shapes.add(isCardNumber(digits) ? "card" : "digits");
  return shapes;
}

/** Shapes that only values of a person have. Cards come first: one of American Express passes for a telephone's number. */
const personalShapes = [
  ...(["ip", "ips", "endpoint", "email", "phone", "mac", "card", "imei"] as const),
  ...(["ssn", "iban", "jwt", "coordinates"] as const),
];

/** A shape that only values of a person have. */
export type PersonalShape = (typeof personalShapes)[number];

/**
 * Those of a field's shapes that only values of a person have. One value is enough, but for a card's number: other long
 * numbers are one by chance, though not all of a field's are.
 */
export function personalAmong(shapes: ReadonlySet<Shape>): readonly PersonalShape[] {
  return personalShapes.filter((shape) => shapes.has(shape) && !(shape === "card" && shapes.has("digits")));
}

function isAddress(text: string): boolean {
  return addresses.some((pattern) => pattern.test(text));
}

/**
 * An address with a port, which one of IPv6 is told from by brackets, or one of IPv6 with its zone.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
 * @see https://www.rfc-editor.org/rfc/rfc4007#section-11
 */
function isEndpoint(text: string): boolean {
  const [, inBrackets, bare] = /^(?:\[([^\]%]+)(?:%[^\]]+)?\]|([\d.]+)):\d{1,5}$/.exec(text) ?? [];
  const [, zoned] = /^([\da-f:.]+)%[\w.-]+$/i.exec(text) ?? [];
  return isAddress(inBrackets ?? bare ?? zoned ?? "");
}

/** Each proxy adds the address that it was asked from, some with the port; one that does not know it says so. */
function isAddressList(text: string): boolean {
  const entries = text.split(",").map((entry) => entry.trim());
  const known = entries.filter((entry) => entry.toLowerCase() !== "unknown");
  return (
    entries.length > 1 && known.length > 0 && known.every((entry) => isAddress(entry) || isEndpoint(entry))
  );
}

/**
 * A number with its country (E.164 with or without spaces), or one with brackets around its area. Digits alone may be
 * anything: those are told by the field's name.
 *
 * @see https://www.itu.int/rec/T-REC-E.164
 */
function isPhone(text: string): boolean {
  if (!/^(?:\+[1-9]|00[1-9]|\()[\d ()./-]+$/.test(text) || /^\+\d+\.\d{1,2}$/.test(text)) return false;
  const digits = text.replace(/^00/, "").replaceAll(/\D/g, "").length;
  // Behind two zeros it may be any number that was filled up: those of a country are longer than most.
  return digits >= (text.startsWith("00") ? 9 : 8) && digits <= 15;
}

/** Fifteen digits, the last of them a check digit: one in ten other numbers of that length passes, too. */
function isImei(text: string): boolean {
  return /^\d{15}$/.test(text) && passesLuhn(text);
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
