import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse as parseLossless, stringify as stringifyLossless } from "lossless-json";
import { numberText, parseExactJson, parseJson } from "../../src/message/json.ts";

const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 25 });
const numberWritten = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(
      fc.constant("0"),
      fc.tuple(fc.integer({ min: 1, max: 9 }), digits).map((parts) => parts.join("")),
    ),
    fc.oneof(
      fc.constant(""),
      digits.filter(Boolean).map((text) => `.${text}`),
    ),
    fc.oneof(
      fc.constant(""),
      fc.tuple(fc.constantFrom("e", "E", "e-", "E+"), fc.nat(400)).map((parts) => parts.join("")),
    ),
  )
  .map((parts) => parts.join(""));

/** JSON texts whose numbers are written in every way. */
const { document } = fc.letrec<{ document: string }>((tie) => ({
  document: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    numberWritten,
    fc
      .oneof(
        fc.string(),
        numberWritten.map((text) => `: ${text}`),
      )
      .map((text) => JSON.stringify(text)),
    fc.constantFrom("true", "false", "null"),
    fc.array(tie("document"), { maxLength: 4 }).map((items) => `[${items.join(" , ")}]`),
    fc
      .array(
        fc.tuple(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "a")), tie("document")),
        { maxLength: 4 },
      )
      .map((pairs) => `{${pairs.map(([key, value]) => `${JSON.stringify(key)} :${value}`).join(",")}}`),
  ),
}));

describe("parseExactJson", () => {
  test.each([
    ...["12345678901234567890", "9007199254740993", "-9007199254740993", "1234567890123456"],
    ...["1.10", "0.1", "-0.0", "1e400", "1E2", "100000000000000000000.00000000000000000001"],
  ])("%s keeps its digits, wherever it stands", (text) => {
    expect(numberText(parseExactJson(text))).toBe(text);
    const lists = [`[${text}]`, `[1,${text}]`, `[1,\n${text}]`, `[[true],{"b":[${text}]}]`];
    for (const around of [...lists, `{"a":${text}}`, `{"a": ${text}}`])
      expect(JSON.stringify(parseExactJson(around))).toBe(around.replaceAll(/\s/g, ""));
  });

  test("what a double holds is a number like any other", () => {
    expect(parseExactJson('{"a":5,"b":-999999999999999,"c":"1.5"}')).toEqual({
      a: 5,
      b: -999_999_999_999_999,
      c: "1.5",
    });
  });

  test("says of any document what a parser says that was written for this", () => {
    fc.assert(
      fc.property(document, (text) => {
        const expected = parseLossless(text, undefined, { onDuplicateKey: ({ newValue }) => newValue });
        const written = JSON.stringify(parseExactJson(text));
        // A double's minus zero has no sign as a text, neither has Postgres's.
        expect(written.replaceAll(/(?<=^|[[:,])-0(?=[\],}]|$)/g, "0")).toBe(
          (stringifyLossless(expected) as string).replaceAll(/(?<=^|[[:,])-0(?=[\],}]|$)/g, "0"),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("takes for JSON what JSON.parse does", () => {
    const damaged = fc
      .tuple(document, fc.nat(), fc.constantFrom("", "0", ".", "e", ",", '"', "]", "}", "-"))
      .map(
        ([text, at, word]) =>
          text.slice(0, at % (text.length + 1)) + word + text.slice((at % (text.length + 1)) + 1),
      );
    fc.assert(
      fc.property(damaged, (text) => {
        expect(parseExactJson(text) === undefined).toBe(parseJson(text) === undefined);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([[1_000], [10_000], [1_000_000]])(
    "%d levels of nesting around a decimal do not throw",
    (levels) => {
      const deep = `${"[".repeat(levels)}1.50${"]".repeat(levels)}`;
      const value = parseExactJson(deep);
      if (levels === 1_000) expect(JSON.stringify(value)).toBe(deep);
      else expect(value).toBeUndefined();
    },
  );
});

test("what is not a number has no digits", () => {
  for (const value of ["1.5", null, undefined, true, {}, [], { rawJSON: "1.5" }])
    expect(numberText(value)).toBeUndefined();
});
