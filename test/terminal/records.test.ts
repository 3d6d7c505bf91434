import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatRows } from "../../src/terminal/table.ts";
import { displayWidth } from "../../src/terminal/text.ts";

const headers = ["order_id", "masked_customer_email", "total", "status", "sent_at"];
const row = ["9007199254740993", `hmac:12345678:${"a".repeat(64)}`, "19.90", null, "2026-03-01T12:00:00Z"];
const show = (columns: number | undefined) => formatRows(headers, [row, row], { columns, rightAligned: [] });

describe("rows", () => {
  test("stand side by side where a terminal has room for a readable part of each", () => {
    expect(show(60).split("\n")).toHaveLength(4);
    expect(show(undefined).split("\n")).toHaveLength(4);
  });

  test("stand below each other where it has not", () => {
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

  test("never run over the edge of the terminal", () => {
    const cell = fc.option(fc.string({ unit: "grapheme", maxLength: 30 }), { nil: null });
    const names = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        names,
        fc.array(cell, { minLength: 12, maxLength: 12 }),
        fc.integer({ min: 10, max: 90 }),
        (some, cells, columns) => {
          const shown = formatRows(some, [cells.slice(0, some.length)], { columns, rightAligned: [] });
          for (const line of shown.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});
