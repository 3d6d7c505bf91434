/** The check digit of cards and telephones. */

/**
 * Whether the last of the digits is the check digit of the others: one in ten other numbers passes, too.
 *
 * @see https://en.wikipedia.org/wiki/Luhn_algorithm
 */
export function passesLuhn(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}
