/** International bank account numbers. */

/** A country, two check digits and the account: Norway's have 15 characters, and none has more than 34. */
const iban = /^([A-Z]{2}\d{2})([A-Z\d]{11,30})$/;

/** In groups of four, as hyphens have them; a UUID has longer ones. */
const hyphened = /^[A-Z]{2}\d{2}(?:-[A-Z\d]{4})+(?:-[A-Z\d]{1,3})?$/i;

/**
 * Whether the text is one, in any case, with spaces or hyphens or without, and with the word before it or without. One
 * in 97 other texts of its form passes, too.
 *
 * @see https://www.iso.org/standard/81090.html
 */
export function isIban(text: string): boolean {
  const bare = text.replace(/^IBAN[:\s]\s*/i, "");
  const joined = bare.replaceAll(hyphened.test(bare) ? "-" : /\s/g, "");
  const [, start, account] = iban.exec(joined.toUpperCase()) ?? [];
  if (start === undefined || account === undefined) return false;
  // A letter stands for two digits, from A as 10 on, which are its value in base 36.
  const digits = [...account, ...start].map((character) => Number.parseInt(character, 36)).join("");
  return BigInt(digits) % 97n === 1n;
}
