import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { jsonLine, printable } from "../../src/terminal/text.ts";

/** What no terminal may get, written out independently of the code: code points, from and to. */
const unsafeRanges: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x061c, 0x061c],
  [0x115f, 0x1160],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xd800, 0xdfff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xe0000, 0xe0fff],
];

const unsafe = (text: string) =>
  [...text].some((character) => {
    const point = character.codePointAt(0) ?? 0;
    return unsafeRanges.some(([from, to]) => point >= from && point <= to);
  });

/** Texts in which controls, halves of pairs and things that look like escapes are frequent. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\\",
        "u",
        "{",
        "}",
        "1b",
        "\\u{1b}",
        "\u001b[2J",
        "\u001b]0;title\u0007",
        "\r",
        "\n",
        "日本",
      ),
      fc.constantFrom(...unsafeRanges.flat().map((point) => String.fromCodePoint(point))),
      fc.string({ unit: "binary" }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
  )
  .map((parts) => parts.join(""));

/** Reads the escapes back; exact only if no two texts look alike. */
const read = (shown: string) =>
  shown.replace(/\\u\{([0-9a-f]+)\}/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));

describe("printable", () => {
  test.each([
    ["plain text, é, 日本, 😀", "plain text, é, 日本, 😀"],
    ["", ""],
    ["\u001b[31mred\u001b[0m", "\\u{1b}[31mred\\u{1b}[0m"],
    ["two\r\nlines\tand a tab", "two\\u{d}\\u{a}lines\\u{9}and a tab"],
    ["\u007f\u009b2J", "\\u{7f}\\u{9b}2J"],
    ["\u202egnp.exe", "\\u{202e}gnp.exe"],
    ["zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"],
    ["\u2028\u2029", "\\u{2028}\\u{2029}"],
    ["half \ud83d of a pair", "half \\u{d83d} of a pair"],
    ["\u{e0041}", "\\u{e0041}"],
    ["C:\\users\\new", "C:\\users\\new"],
    ["\\u{1b}", "\\u{5c}u{1b}"],
  ])("%j is shown as %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test("never lets a control, an invisible character or half a pair through", () => {
    fc.assert(fc.property(hostileText, (text) => !unsafe(printable(text))));
  });

  test("shows different texts differently", () => {
    fc.assert(fc.property(hostileText, (text) => read(printable(text)) === text));
  });
});

describe("jsonLine", () => {
  test("is one line of JSON with the unsafe characters as \\uXXXX, in keys too", () => {
    expect(jsonLine({ "a\u202e": "\u001b\u007f\u0085\u2028 \ud800 \u{e0041} \\ é\n" })).toBe(
      '{"a\\u202e":"\\u001b\\u007f\\u0085\\u2028 \\ud800 \\udb40\\udc41 \\\\ é\\n"}',
    );
  });

  test("means the same when it is parsed, and never holds an unsafe character", () => {
    const value = fc.dictionary(hostileText, fc.oneof(hostileText, fc.array(hostileText), fc.integer()));
    fc.assert(
      fc.property(value, (object) => {
        const line = jsonLine(object);
        expect(unsafe(line)).toBeFalse();
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(object)));
      }),
    );
  });
});
