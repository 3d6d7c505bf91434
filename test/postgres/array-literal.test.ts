import { describe, expect, test } from "bun:test";
import { arrayLiteral } from "../../src/postgres/column-types.ts";

test("every element is quoted, so that nothing in it is read as more than text", () => {
  expect(arrayLiteral([])).toBe("{}");
  expect(arrayLiteral(["a", "", "NULL", null])).toBe('{"a","","NULL",null}');
  expect(arrayLiteral(['say "hi"', "back\\slash", "{1,2}", "a,b", "line\nbreak"])).toBe(
    '{"say \\"hi\\"","back\\\\slash","{1,2}","a,b","line\nbreak"}',
  );
});

/** As Postgres reads it: a backslash stands for the character behind it, whatever that is. */
function elementsOf(literal: string): (string | null)[] {
  const elements: (string | null)[] = [];
  for (const [, quoted] of literal.slice(1, -1).matchAll(/(?:"((?:[^"\\]|\\[\s\S])*)"|null)(?:,|$)/g)) {
    elements.push(quoted?.replace(/\\([\s\S])/g, "$1") ?? null);
  }
  return elements;
}

describe("what is written is read back", () => {
  const parts = ["\\", '"', "n", "\n", "\t", "\u0001", "\u007f", "\u2028", "😀", "u0041", ",", "}", "null"];
  for (const first of parts) {
    test(JSON.stringify(first), () => {
      const elements = parts.flatMap((second) => [first + second, null, first + first + second, second]);
      expect(elementsOf(arrayLiteral(elements))).toEqual(elements);
      for (const element of elements) expect(elementsOf(arrayLiteral([element]))).toEqual([element]);
    });
  }
});
