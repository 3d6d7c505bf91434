import { expect, test } from "bun:test";
import { isIban } from "../../src/setup/iban.ts";

test.each([
  "DE89370400440532013000",
  "DE89 3704 0044 0532 0130 00",
  "de89370400440532013000",
  "GB82 WEST 1234 5698 7654 32",
  "NO9386011117947",
  "DE89-3704-0044-0532-0130-00",
  "IBAN: DE89 3704 0044 0532 0130 00",
  "FR14 20041 01005 0500013M02606",
  "MT84MALT011000012345MTLCAST001S",
])("%s is one", (text) => {
  expect(isIban(text)).toBe(true);
});

test.each([
  ["DE89370400440532013001", "another digit"],
  ["DE98370400440532013000", "other check digits"],
  ["DE893704004405", "too short"],
  ["8937040044053201300012", "no country"],
  ["DEAB370400440532013000", "no check digits"],
  ["", "nothing"],
] as const)("%s is none: %s", (text) => {
  expect(isIban(text)).toBe(false);
});
