import { describe, expect, test } from "bun:test";
import { parseTableName, quoteName, quoteTable } from "../../src/postgres/identifier.ts";
import { refusalOf } from "../support/refusal.ts";

describe("a table's name", () => {
  const cases: [string, ReturnType<typeof parseTableName>, string][] = [
    ["user_logins", { name: "user_logins" }, "user_logins"],
    ["User_Logins", { name: "user_logins" }, "user_logins"],
    ["Sales.Logins", { schema: "sales", name: "logins" }, "sales.logins"],
    ['"My Table"', { name: "My Table" }, '"My Table"'],
    ['"a.b"."c""d"', { schema: "a.b", name: 'c"d' }, '"a.b"."c""d"'],
    ['sales."Order"', { schema: "sales", name: "Order" }, 'sales."Order"'],
    ["order", { name: "order" }, '"order"'],
    ["über", { name: "über" }, '"über"'],
    [`"${"é".repeat(31)}"`, { name: "é".repeat(31) }, `"${"é".repeat(31)}"`],
  ];
  for (const [text, parsed, written] of cases) {
    test(text, () => {
      expect(parseTableName(text)).toEqual(parsed);
      expect(quoteTable(parsed)).toBe(written);
      expect(parseTableName(written)).toEqual(parsed);
    });
  }

  for (const text of [
    ...[
      "",
      " ",
      "a b",
      "a.b.c",
      ".a",
      "a.",
      "1a",
      "a;drop table b",
      '"a',
      'a"',
      '""',
      "a\u0000",
      '"a\u0000"',
    ],
    ...["a".repeat(64), `"${"é".repeat(32)}"`, "a-b", "a\nb"],
  ]) {
    test(`is not ${JSON.stringify(text)}`, () => {
      expect(refusalOf(() => parseTableName(text))).toMatchObject({ kind: "config" });
    });
  }
});

test("a name is quoted where it must be, and only there", () => {
  expect(quoteName("a1_b")).toBe("a1_b");
  expect(quoteName("A")).toBe('"A"');
  expect(quoteName("user")).toBe('"user"');
  expect(quoteName('a"; drop table b; --')).toBe('"a""; drop table b; --"');
});
