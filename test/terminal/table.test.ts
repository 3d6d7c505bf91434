import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatRows, formatTable } from "../../src/terminal/table.ts";
import { displayWidth } from "../../src/terminal/text.ts";

const anyTable = fc.integer({ min: 1, max: 12 }).chain((width) => {
  const length = { minLength: width, maxLength: width };
  const cell = fc.option(fc.string({ unit: "grapheme", maxLength: 30 }));
  const headers = fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), length);
  return fc.tuple(headers, fc.array(fc.array(cell, length), { maxLength: 8 }));
});

describe("a table", () => {
  test("is aligned, numbers to the right, with null unlike any text", () => {
    const rows = [
      ["a", "RU", "131840"],
      ["日本", null, "1"],
      ["", "null", "24576"],
      ["\u001b[2J", "∅", null],
    ];
    const table = formatTable(["user_id", "locale", "app_version"], rows, { rightAligned: [2] });
    expect(table.split("\n")).toEqual([
      "user_id    locale    app_version",
      "---------  --------  -----------",
      "a          RU             131840",
      "日本       ∅                   1",
      "           null            24576",
      "\\u{1b}[2J  \\u{2205}            ∅",
    ]);
  });

  test("has a header if there are no rows", () => {
    expect(formatTable(["a", "bc"], [])).toBe("a  bc\n-  --");
  });

  test("in a terminal shortens the widest cells, in their middle: masks begin alike", () => {
    const mask = (letter: string) => `hmac:12345678:${letter.repeat(64)}`;
    const rows = [["7", mask("a"), mask("b")]];
    expect(formatTable(["id", "masked_ip", "masked_id"], rows, { columns: 40 }).split("\n")).toEqual([
      "id  masked_ip          masked_id        ",
      "--  -----------------  -----------------",
      "7   hmac:123…aaaaaaaa  hmac:123…bbbbbbbb",
    ]);
  });

  test("takes many rows, and in a pipe shortens nothing", () => {
    const rows = Array.from({ length: 200_000 }, (_, row) => [String(row)]);
    expect(formatTable(["n"], rows).split("\n")).toHaveLength(200_002);
    const long = "x".repeat(5000);
    expect(formatTable(["a"], [[long]])).toContain(long);
  });

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
      fc.property(anyTable, fc.integer({ min: 34, max: 120 }), ([headers, rows], columns) => {
        const natural = displayWidth(formatTable(headers, rows).split("\n")[0] ?? "");
        const fitted = displayWidth(formatTable(headers, rows, { columns }).split("\n")[0] ?? "");
        expect(fitted).toBe(Math.min(natural, columns));
      }),
    );
  });
});

describe("rows on a terminal", () => {
  const headers = ["order_id", "masked_customer_email", "total", "status", "sent_at"];
  const mask = `hmac:12345678:${"a".repeat(64)}`;
  const row = ["9007199254740993", mask, "19.90", null, "2026-03-01T12:00:00Z"];
  const show = (columns: number | undefined) =>
    formatRows(headers, [row, row], { columns, rightAligned: [] });

  test.each([60, undefined])("stand side by side if there is room for a readable part: %j", (columns) => {
    expect(show(columns).split("\n")).toHaveLength(4);
  });

  test("stand below each other if there is not", () => {
    const block = [
      "order_id              9007199254740993",
      "masked_cus…mer_email  hmac:1234…aaaaaaaa",
      "total                 19.90",
      "status                ∅",
      "sent_at               2026-03-0…2:00:00Z",
    ].join("\n");
    const rule = (number: number) => `-- row ${number} -------------------------------`;
    expect(show(40)).toBe(`${rule(1)}\n${block}\n\n${rule(2)}\n${block}`);
  });

  test("that fit as they are stay a table, however many columns there are", () => {
    const many = Array.from({ length: 12 }, (_, index) => String(index));
    expect(formatRows(many, [many], { columns: 60, rightAligned: [] }).split("\n")).toHaveLength(3);
  });

  test("never run over the edge", () => {
    fc.assert(
      fc.property(anyTable, fc.integer({ min: 10, max: 90 }), ([some, rows], columns) => {
        const shown = formatRows(some, rows, { columns, rightAligned: [] });
        for (const line of shown.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
