import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatTable } from "../../src/terminal/table.ts";
import { displayWidth } from "../../src/terminal/text.ts";

describe("a table", () => {
  test("is aligned, numbers to the right, with null unlike any text", () => {
    const table = formatTable(
      ["user_id", "locale", "app_version"],
      [
        ["a", "RU", "131840"],
        ["日本", null, "1"],
        ["", "null", "24576"],
        ["\u001b[2J", "∅", null],
      ],
      { rightAligned: [2] },
    );
    expect(table.split("\n")).toEqual([
      "user_id    locale    app_version",
      "---------  --------  -----------",
      "a          RU             131840",
      "日本       ∅                   1",
      "           null            24576",
      "\\u{1b}[2J  \\u{2205}            ∅",
    ]);
  });

  test("has a header where there are no rows", () => {
    expect(formatTable(["a", "bc"], [])).toBe("a  bc\n-  --");
  });

  test("in a terminal shortens the widest cells, in their middle: masks begin alike", () => {
    const mask = (letter: string) => `hmac:12345678:${letter.repeat(64)}`;
    const table = formatTable(["id", "masked_ip", "masked_id"], [["7", mask("a"), mask("b")]], {
      columns: 40,
    });
    expect(table.split("\n")).toEqual([
      "id  masked_ip          masked_id        ",
      "--  -----------------  -----------------",
      "7   hmac:123…aaaaaaaa  hmac:123…bbbbbbbb",
    ]);
  });

  test("in a pipe shortens nothing", () => {
    const long = "x".repeat(5000);
    expect(formatTable(["a"], [[long]])).toContain(long);
  });

  test("takes many rows", () => {
    const rows = Array.from({ length: 200_000 }, (_, row) => [String(row)]);
    expect(formatTable(["n"], rows).split("\n")).toHaveLength(200_002);
  });

  const cell = fc.option(fc.string({ unit: "grapheme", maxLength: 30 }));
  const anyTable = fc
    .integer({ min: 1, max: 8 })
    .chain((width) =>
      fc.tuple(
        fc.array(fc.string({ maxLength: 20 }), { minLength: width, maxLength: width }),
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 8 }),
      ),
    );

  test("has lines of one width, and none wider than asked for", () => {
    fc.assert(
      fc.property(anyTable, fc.integer({ min: 1, max: 120 }), ([headers, rows], columns) => {
        const lines = formatTable(headers, rows, { columns }).split("\n");
        expect(lines).toHaveLength(rows.length + 2);
        const widths = new Set(lines.map(displayWidth));
        expect(widths.size).toBe(1);
        expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
      }),
    );
  });

  test("that has to be shortened takes all the columns there are", () => {
    fc.assert(
      fc.property(anyTable, fc.integer({ min: 30, max: 120 }), ([headers, rows], columns) => {
        const natural = displayWidth(formatTable(headers, rows).split("\n")[0] ?? "");
        const fitted = displayWidth(formatTable(headers, rows, { columns }).split("\n")[0] ?? "");
        expect(fitted).toBe(Math.min(natural, columns));
      }),
    );
  });
});
