import { expect, test } from "bun:test";
import { arrayLiteral } from "../../src/postgres/array-literal.ts";

test("every element is quoted, so that nothing in it is read as more than text", () => {
  expect(arrayLiteral([])).toBe("{}");
  expect(arrayLiteral(["a", "", "NULL", null])).toBe('{"a","","NULL",NULL}');
  expect(arrayLiteral(['say "hi"', "back\\slash", "{1,2}", "a,b", "line\nbreak"])).toBe(
    '{"say \\"hi\\"","back\\\\slash","{1,2}","a,b","line\nbreak"}',
  );
});
