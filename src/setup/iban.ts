/** International bank account numbers. */

/** A country, two check digits and the account: Norway's have 15 characters, and none has more than 34. */
const iban = /^([A-Z]{2}\d{2})([A-Z\d]{11,30})$/;

/**
 * Whether the text is one, in any case and with spaces or without. One in 97 other texts of its form passes, too.
 *
 * @see https://www.iso.org/standard/81090.html
 */
export function isIban(text: string): boolean {
  const [, start, account] = iban.exec(text.replaceAll(/\s/g, "").toUpperCase()) ?? [];
  if (start === undefined || account === undefined) return false;
  // A letter stands for two digits, from A as 10 on, which are its value in base 36.
  const digits = [...account, ...start].map((character) => Number.parseInt(character, 36)).join("");
  return BigInt(digits) % 97n === 1n;
}
