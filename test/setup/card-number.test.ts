import { expect, test } from "bun:test";
import { cardDigits, isCardNumber } from "../../src/setup/card-number.ts";

/** Numbers that the networks and processors give for tests. */
test.each([
  "4111111111111111",
  "4222222222222",
  "4000000000000000006",
  "5555555555554444",
  "2223003122003222",
  "2720990000000007",
  "378282246310005",
  "341111111111111",
  "30569309025904",
  "36227206271667",
  "3566002020360505",
  "6011111111111117",
  "6205500000000000004",
  "6759649826438453",
])("%s is a card's number", (digits) => {
  expect(isCardNumber(digits)).toBe(true);
});

test.each([
  ["4111111111111112", "another check digit"],
  ["9111111111111110", "no issuer's prefix"],
  ["2220000000000000", "in front of Mastercard's range"],
  ["2721000000000004", "behind it"],
  ["411111111111116", "no length of Visa's"],
  ["5555555555554", "no length of Mastercard's"],
  ["1700000000004", "a time"],
] as const)("%s is none: %s", (digits) => {
  expect(isCardNumber(digits)).toBe(false);
});

test.each([
  ["4111 1111 1111 1111", "4111111111111111"],
  ["4111-1111-1111-1111", "4111111111111111"],
  ["3782 822463 10005", "378282246310005"],
  ["620550 0000000000004", "6205500000000000004"],
  ["4111\u00a01111\u00a01111\u00a01111", "4111111111111111"],
  ["4111-1111 1111-1111", undefined],
  ["41-11-11-11-11-11-11-11", undefined],
  ["411111111111", undefined],
  ["41111111111111111111", undefined],
  ["+4111111111111111", undefined],
  ["30-12-2024 120000", undefined],
] as const)("%s has as many digits as a card: %s", (text, digits) => {
  expect(cardDigits(text)).toBe(digits);
});
