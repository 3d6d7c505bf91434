/** What a value looks like, whatever its field is called, if no conversion of a drain tells it. The value is looked at and forgotten; only its shapes are kept. */

import { parseJson } from "../message/json.ts";
import type { PersonalKind } from "./personal.ts";

/** No address, number or time is longer, in characters. */
const longestShaped = 320;

/** How many characters of a text are searched for an e-mail address. */
const longestSearched = 10_000;

const emailAddress = /[^\s@<>"]{1,64}@[^\s@<>"]+\.[\p{L}]{2,}/u;

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4 = `${octet}(?:\\.${octet}){3}`;
const addresses: readonly RegExp[] = [
  new RegExp(`^${ipv4}$`),
  // Eight groups in hexadecimal, or fewer with `::`; a time of day has neither.
  /^(?=.*::|(?:[^:]+:){7}[^:]+$)[\da-f:]{2,39}$/i,
  new RegExp(`^[\\da-f:]*:${ipv4}$`, "i"),
];

/** How a shape is recognised in a text without white space at its ends. */
interface ShapeTest {
  readonly test: RegExp | ((trimmed: string, text: string) => boolean);
  /** What kind of personal value every value of the shape is. */
  readonly personal?: PersonalKind;
  /** Looked for in longer texts, too. */
  readonly isLong?: boolean;
}

/** By shape; if a value has several personal shapes, the first one counts: American Express numbers can pass for IMEIs. */
const shapes = {
  ip: { test: isAddress, personal: "IP address" },
  /** Several addresses, as proxies list them. */
  ips: { test: isAddressList, personal: "IP address" },
  /** An address with a port or an IPv6 zone. */
  endpoint: { test: isEndpoint, personal: "IP address" },
  email: {
    test: (trimmed) => emailAddress.test(trimmed.slice(0, longestSearched)),
    personal: "e-mail address",
    isLong: true,
  },
  phone: { test: isPhone, personal: "phone number" },
  mac: { test: /^[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}$/i, personal: "device or advertising id" },
  card: { test: (trimmed) => isCardNumber(cardDigits(trimmed)), personal: "identity or payment" },
  /** The last of its digits is a check digit: one in ten other numbers of that length passes, too. */
  imei: {
    test: (trimmed) => /^\d{15}$/.test(trimmed) && passesLuhn(trimmed),
    personal: "device or advertising id",
  },
  ssn: { test: /^\d{3}-\d{2}-\d{4}$/, personal: "identity or payment" },
  iban: { test: isIban, personal: "identity or payment" },
  jwt: { test: isJsonWebToken, personal: "secret", isLong: true },
  coordinates: { test: /^-?\d{1,3}\.\d{2,} ?[,;] ?-?\d{1,3}\.\d{2,}$/, personal: "precise location" },
  /** A number as long as a card's that is not a card's. */
  digits: { test: (trimmed) => cardDigits(trimmed) !== "" && !isCardNumber(cardDigits(trimmed)) },
  /** With two dots: one dot is also a number's. */
  version: { test: /^\d{1,5}\.\d{1,5}\.\d{1,5}$/ },
  /** An object or an array. */
  json: { test: (_, text) => /^\s*[[{]/.test(text) && parseJson(text) !== undefined, isLong: true },
} as const satisfies Readonly<Record<string, ShapeTest>>;

/** What a value can look like. */
export type Shape = keyof typeof shapes;

const entries: readonly (readonly [Shape, ShapeTest])[] = Object.entries(shapes) as [Shape, ShapeTest][];

/** Every shape that the text has. */
export function shapesOf(text: string): ReadonlySet<Shape> {
  const trimmed = text.trim();
  const isShort = text.length <= longestShaped;
  const found = entries.filter(
    ([, { test, isLong = false }]) =>
      (isShort || isLong) && (typeof test === "function" ? test(trimmed, text) : test.test(trimmed)),
  );
  return new Set(found.map(([shape]) => shape));
}

/**
 * What kinds of personal values have these shapes of a field. One value is enough, except for a card's number: other long
 * numbers pass for one by chance, but not all of a field's do.
 */
export function personalAmong(found: ReadonlySet<Shape>): readonly PersonalKind[] {
  return entries.flatMap(([shape, { personal }]) =>
    personal === undefined || !found.has(shape) || (shape === "card" && found.has("digits"))
      ? []
      : [personal],
  );
}

function isAddress(text: string): boolean {
  return addresses.some((pattern) => pattern.test(text));
}

/**
 * An address with a port, IPv6 in brackets; or an IPv6 address with its zone.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
 * @see https://www.rfc-editor.org/rfc/rfc4007#section-11
 */
function isEndpoint(text: string): boolean {
  const [, inBrackets, bare] = /^(?:\[([^\]%]+)(?:%[^\]]+)?\]|([\d.]+)):\d{1,5}$/.exec(text) ?? [];
  const [, zoned] = /^([\da-f:.]+)%[\w.-]+$/i.exec(text) ?? [];
  return isAddress(inBrackets ?? bare ?? zoned ?? "");
}

/** Each proxy adds the address that asked it, some with the port; a proxy that does not know it adds `unknown`. */
function isAddressList(text: string): boolean {
  const entries = text.split(",").map((entry) => entry.trim());
  const known = entries.filter((entry) => entry.toLowerCase() !== "unknown");
  return (
    entries.length > 1 && known.length > 0 && known.every((entry) => isAddress(entry) || isEndpoint(entry))
  );
}

/**
 * A number with its country (E.164 with or without spaces), or with brackets around its area. Digits alone may be
 * anything; only the field's name tells.
 *
 * @see https://www.itu.int/rec/T-REC-E.164
 */
function isPhone(text: string): boolean {
  if (!/^(?:\+[1-9]|00[1-9]|\()[\d ()./-]+$/.test(text) || /^\+\d+\.\d{1,2}$/.test(text)) return false;
  const digits = text.replace(/^00/, "").replaceAll(/\D/g, "").length;
  // After two zeros it may be any number that was padded, so a longer one is asked for.
  return digits >= (text.startsWith("00") ? 9 : 8) && digits <= 15;
}

/**
 * What the numbers of each card issuer begin with, and how many digits they have. None begins with 1, as today's times
 * in milliseconds do.
 *
 * @see https://www.iso.org/standard/70484.html
 * @see https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN)
 */
const cardIssuers: Readonly<Record<string, RegExp>> = {
  visa: /^4(?:\d{12}|\d{15}|\d{18})$/,
  mastercard: /^(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}$/,
  mir: /^220[0-4]\d{12,15}$/,
  americanExpress: /^3[47]\d{13}$/,
  dinersClub: /^3[0689]\d{12,17}$/,
  jcb: /^35(?:2[89]|[3-8]\d)\d{12,15}$/,
  // UnionPay, Discover and RuPay share 6 with Maestro, which has the shorter ones.
  maestro: /^(?:5[06-9]|6\d)\d{11,17}$/,
};

/** In groups as they are embossed: of four, of 4, 6 and 4 or 5, or of 6 and 13. */
const groupedCard =
  /^(?:\d{4}([\s-])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([\s-])\d{6}\2\d{4,5}|\d{6}[\s-]\d{13})$/;

/** The digits of a number that is as long as a card's, with or without spaces or hyphens between groups; else none. */
function cardDigits(text: string): string {
  return /^\d{13,19}$/.test(text) || groupedCard.test(text) ? text.replaceAll(/\D/g, "") : "";
}

/** Whether the digits are a payment card's number; by chance, one in ten numbers with an issuer's prefix is. */
function isCardNumber(digits: string): boolean {
  return Object.values(cardIssuers).some((issuer) => issuer.test(digits)) && passesLuhn(digits);
}

/**
 * Whether the last digit is the check digit of the others.
 *
 * @see https://en.wikipedia.org/wiki/Luhn_algorithm
 */
function passesLuhn(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** A country, two check digits and the account: 15 characters in Norway, and at most 34. */
const iban = /^([A-Z]{2}\d{2})([A-Z\d]{11,30})$/;

/** In groups of four with hyphens; a UUID has longer groups. */
const hyphenedIban = /^[A-Z]{2}\d{2}(?:-[A-Z\d]{4})+(?:-[A-Z\d]{1,3})?$/i;

/**
 * An IBAN in any case, with or without spaces or hyphens, and with or without `IBAN` before it. One in 97 other texts of
 * its form passes, too.
 *
 * @see https://www.iso.org/standard/81090.html
 */
function isIban(text: string): boolean {
  const bare = text.replace(/^IBAN[:\s]\s*/i, "");
  const joined = bare.replaceAll(hyphenedIban.test(bare) ? "-" : /\s/g, "");
  const [, start, account] = iban.exec(joined.toUpperCase()) ?? [];
  if (start === undefined || account === undefined) return false;
  // A letter stands for two digits, its value in base 36.
  const digits = [...account, ...start].map((character) => Number.parseInt(character, 36)).join("");
  return BigInt(digits) % 97n === 1n;
}

/**
 * Three parts in base64url, the last of which an unsigned token leaves empty; or the five of an encrypted token, the
 * second of which may be empty. Alone, or as in an HTTP header.
 */
const tokenParts =
  /^(?:Authorization: *)?(?:Bearer +)?([\w-]+)\.(?:[\w-]+\.[\w-]*|[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+)$/i;

/**
 * A JSON Web Token: its header names the algorithm that signs or encrypts it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-4.1.1
 * @see https://www.rfc-editor.org/rfc/rfc7516#section-3.1
 * @see https://www.rfc-editor.org/rfc/rfc7519#section-3
 */
function isJsonWebToken(text: string): boolean {
  const header = tokenParts.exec(text)?.[1];
  if (header === undefined) return false;
  const read = parseJson(Buffer.from(header, "base64url").toString());
  return typeof read === "object" && read !== null && Object.hasOwn(read, "alg");
}
