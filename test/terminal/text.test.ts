import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  countOf,
  displayWidth,
  formatRate,
  formatSeconds,
  jsonLine,
  printable,
  shorten,
  shortenMiddle,
  wrap,
} from "../../src/terminal/text.ts";
import { formatCount } from "../../src/text/counts.ts";

/** What no terminal may get, written out independently of the code: code points in hex, from and to. */
const unsafeRanges =
  "0-1f 7f-9f ad-ad 61c-61c 115f-1160 200b-200f 2028-202e 2060-206f d800-dfff fe00-fe0f feff-feff e0000-e0fff"
    .split(" ")
    .map((range) => range.split("-").map((point) => Number.parseInt(point, 16)));

const unsafe = (text: string) =>
  [...text].some((character) => {
    const point = character.codePointAt(0) ?? 0;
    return unsafeRanges.some(([from = 0, to = 0]) => point >= from && point <= to);
  });

const looksLikeEscapes = ["\\", "u", "{", "}", "1b", "\\u{1b}", "\u001b[2J", "\u001b]0;title\u0007"];

/** Texts in which controls, halves of pairs and things that look like escapes are frequent. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...looksLikeEscapes, "\r", "\n", "日本"),
      fc.constantFrom(...unsafeRanges.flat().map((point) => String.fromCodePoint(point))),
      fc.string({ unit: "binary" }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
  )
  .map((parts) => parts.join(""));

/** Reads the escapes back; exact only if no two texts look alike. */
const read = (shown: string) =>
  shown.replace(/\\u\{([0-9a-f]+)\}/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));

describe("text from outside", () => {
  test.each([
    ["plain text, é, 日本, 😀", "plain text, é, 日本, 😀"],
    ["\u001b[31mred\u001b[0m", "\\u{1b}[31mred\\u{1b}[0m"],
    ["two\r\nlines\tand a tab", "two\\u{d}\\u{a}lines\\u{9}and a tab"],
    ["half \ud83d of a pair, \u{e0041}", "half \\u{d83d} of a pair, \\u{e0041}"],
    ["C:\\users\\new", "C:\\users\\new"],
    ["\\u{1b}", "\\u{5c}u{1b}"],
  ])("%j is shown as %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test("is shown without controls, invisible characters and half pairs, and different texts differ", () => {
    fc.assert(fc.property(hostileText, (text) => !unsafe(printable(text)) && read(printable(text)) === text));
  });

  test("is one line of JSON with the unsafe characters as \\uXXXX, in keys too", () => {
    expect(jsonLine({ "a\u202e": "\u001b\u007f\u0085\u2028 \ud800 \u{e0041} \\ é\n" })).toBe(
      '{"a\\u202e":"\\u001b\\u007f\\u0085\\u2028 \\ud800 \\udb40\\udc41 \\\\ é\\n"}',
    );
  });

  test("means the same when its line of JSON is parsed, which never holds an unsafe character", () => {
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

describe("the width of text", () => {
  test.each([
    ["login", 5],
    ["日本", 4],
    ["e\u0301", 1],
    ["😀", 2],
  ])("%j takes %d columns", (text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  test.each([
    ["login-queue", 11, "login-queue", "login-queue"],
    ["login-queue", 10, "login-que…", "login…ueue"],
    ["login-queue", 3, "lo…", "l…e"],
    ["login-queue", 2, "l…", "l…"],
    ["login-queue", 0, "", ""],
    ["日本語日本語", 7, "日本語…", "日本…語"],
    ["日本語日本語", 6, "日本…", "日…語"],
  ])("%j in %d columns is %j, and cut in the middle %j", (text, columns, beginning, ends) => {
    expect([shorten(text, columns), shortenMiddle(text, columns)]).toEqual([beginning, ends]);
  });

  test.each([shorten, shortenMiddle])(
    "a shortened text fits, and what fits is not shortened",
    (shortened) => {
      const anyText = fc.string({ unit: "grapheme" }).map(printable);
      fc.assert(
        fc.property(anyText, fc.integer({ min: 0, max: 30 }), (text, columns) => {
          const shown = shortened(text, columns);
          expect(displayWidth(shown)).toBeLessThanOrEqual(columns);
          if (displayWidth(text) <= columns) expect(shown).toBe(text);
        }),
      );
    },
  );

  test.each([
    ["one two", 4, "one \ntwo"],
    ["abcdef", 4, "abcd\nef"],
    ["  indented", 80, "  indented"],
    ["as long as it is", Number.POSITIVE_INFINITY, "as long as it is"],
  ])("%j wrapped at %d columns is %j", (text, columns, lines) => {
    expect(wrap(text, columns)).toBe(lines);
  });
});

test.each([
  [formatCount(999), "999"],
  [formatCount(12_345_678), "12,345,678"],
  [countOf(0, "message"), "0 messages"],
  [countOf(1, "message"), "1 message"],
  [countOf(1000, "delivery", "deliveries"), "1,000 deliveries"],
  [formatRate(0), "0.0/s"],
  [formatRate(9.94), "9.9/s"],
  [formatRate(9.96), "10/s"],
  [formatRate(19_000), "19,000/s"],
  [formatSeconds(0.44), "0.4 s"],
  [formatSeconds(59.4), "59 s"],
  [formatSeconds(59.5), "1 min 0 s"],
  [formatSeconds(185), "3 min 5 s"],
  [formatSeconds(3599.4), "59 min 59 s"],
  [formatSeconds(3599.6), "1 h 0 min"],
  [formatSeconds(3_723_000), "1,034 h 10 min"],
])("a number reads %j", (shown, expected) => {
  expect(shown).toBe(expected);
});
