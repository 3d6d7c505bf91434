import { expect, test } from "bun:test";
import fc from "fast-check";
import { displayWidth, printable, shorten, shortenMiddle, wrap } from "../../src/terminal/text.ts";

test.each([
  ["login", 5],
  ["日本", 4],
  ["e\u0301", 1],
  ["😀", 2],
  ["", 0],
])("%j takes %d columns", (text, columns) => {
  expect(displayWidth(text)).toBe(columns);
});

test.each([
  ["login-queue", 11, "login-queue"],
  ["login-queue", 10, "login-que…"],
  ["login-queue", 1, "…"],
  ["login-queue", 0, ""],
  ["日本語", 5, "日本…"],
  ["日本語", 4, "日…"],
])("%j in %d columns is %j", (text, columns, shown) => {
  expect(shorten(text, columns)).toBe(shown);
});

test.each([
  ["login-queue", 11, "login-queue"],
  ["login-queue", 10, "login…ueue"],
  ["login-queue", 3, "l…e"],
  ["login-queue", 2, "l…"],
  ["login-queue", 0, ""],
  ["日本語日本語", 7, "日本…語"],
])("%j in %d columns, cut in the middle, is %j", (text, columns, shown) => {
  expect(shortenMiddle(text, columns)).toBe(shown);
});

test.each([shorten, shortenMiddle])("a shortened text fits, and what fits is not shortened", (shortened) => {
  const anyText = fc.string({ unit: "grapheme" }).map(printable);
  fc.assert(
    fc.property(anyText, fc.integer({ min: 0, max: 30 }), (text, columns) => {
      const shown = shortened(text, columns);
      expect(displayWidth(shown)).toBeLessThanOrEqual(columns);
      if (displayWidth(text) <= columns) expect(shown).toBe(text);
    }),
  );
});

test("wrapping loses nothing but where the lines break", () => {
  expect(wrap("one two", 4)).toBe("one \ntwo");
  expect(wrap("abcdef", 4)).toBe("abcd\nef");
  expect(wrap("  indented", 80)).toBe("  indented");
  expect(wrap("as long as it is", Number.POSITIVE_INFINITY)).toBe("as long as it is");
});
