/** Numbers of payment cards, told from other long numbers by their issuer, their length and a check digit. */

import { passesLuhn } from "./luhn.ts";

/**
 * What the issuers' numbers begin with, and how many digits they then have. None begins with 1, as today's times in
 * milliseconds do.
 *
 * @see https://www.iso.org/standard/70484.html
 * @see https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN)
 */
const issuers: Readonly<Record<string, RegExp>> = {
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
const grouped =
  /^(?:\d{4}([\s-])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([\s-])\d{6}\2\d{4,5}|\d{6}[\s-]\d{13})$/;

/** The digits of a number that is as long as a card's, with spaces or hyphens between groups or without. */
export function cardDigits(text: string): string | undefined {
  return /^\d{13,19}$/.test(text) || grouped.test(text) ? text.replaceAll(/\D/g, "") : undefined;
}

/** Whether the digits are a payment card's number; one in ten numbers of an issuer's is, by chance. */
export function isCardNumber(digits: string): boolean {
  return Object.values(issuers).some((issuer) => issuer.test(digits)) && passesLuhn(digits);
}
