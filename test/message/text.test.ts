import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fitsCharacters, textFault } from "../../src/message/text.ts";

describe("textFault", () => {
  test.each([
    ["", undefined],
    ["RU", undefined],
    ["日本 😀 <&>\"' \u2028\u001b[31m", undefined],
    ["\ufffd\uffff", undefined],
    ["\u0000", "text_nul"],
    ["abc\u0000", "text_nul"],
    ["\ud800", "text_lone_surrogate"],
    ["a\udfffb", "text_lone_surrogate"],
    ["\ude00\ud83d", "text_lone_surrogate"],
  ] as const)("%j: %p", (text, fault) => {
    expect(textFault(text)).toBe(fault as ReturnType<typeof textFault>);
  });
});

describe("fitsCharacters", () => {
  test.each([
    ["", 0, true],
    ["a", 0, false],
    ["😀", 0, false],
    ["abc", 3, true],
    ["abcd", 3, false],
    ["😀😀😀", 3, true],
    ["😀😀😀", 2, false],
    ["a😀b", 3, true],
    ["a😀b", 2, false],
    ["abc   ", 3, false],
    ["e\u0301", 1, false],
    ["x".repeat(1_000_000), Number.POSITIVE_INFINITY, true],
  ])("%j in %d: %p", (text, max, fits) => {
    expect(fitsCharacters(text, max)).toBe(fits);
  });

  test("counts as Array.from does, which takes a text apart by code points", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), fc.nat(20), (text, max) => {
        expect(fitsCharacters(text, max)).toBe(Array.from(text).length <= max);
      }),
    );
  });
});
