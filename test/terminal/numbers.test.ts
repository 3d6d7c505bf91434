import { expect, test } from "bun:test";
import { countOf, formatCount, formatRate, formatSeconds } from "../../src/terminal/text.ts";

test.each([
  [0, "0"],
  [999, "999"],
  [1000, "1,000"],
  [12_345_678, "12,345,678"],
])("%d is counted as %j", (count, shown) => {
  expect(formatCount(count)).toBe(shown);
});

test("a count takes its noun in the right number", () => {
  expect(countOf(0, "message")).toBe("0 messages");
  expect(countOf(1, "message")).toBe("1 message");
  expect(countOf(2, "message")).toBe("2 messages");
  expect(countOf(1000, "delivery", "deliveries")).toBe("1,000 deliveries");
});

test.each([
  [0, "0.0/s"],
  [0.44, "0.4/s"],
  [9.94, "9.9/s"],
  [9.96, "10/s"],
  [950.4, "950/s"],
  [19_000, "19,000/s"],
])("%d per second is %j", (perSecond, shown) => {
  expect(formatRate(perSecond)).toBe(shown);
});

test.each([
  [0, "0.0 s"],
  [0.44, "0.4 s"],
  [9.96, "10 s"],
  [59.4, "59 s"],
  [59.5, "1 min 0 s"],
  [185, "3 min 5 s"],
  [3599.4, "59 min 59 s"],
  [3599.6, "1 h 0 min"],
  [3_723_000, "1,034 h 10 min"],
])("%d seconds are %j", (seconds, shown) => {
  expect(formatSeconds(seconds)).toBe(shown);
});
