import { expect, test } from "bun:test";
import { figureOf, markdownTable, shownFigure, shownNumber } from "../../scripts/benchmark/figures.ts";

test.each([
  [[3], { median: 3, least: 3, most: 3 }],
  [[9, 1, 5], { median: 5, least: 1, most: 9 }],
  [[4, 1, 2, 10], { median: 3, least: 1, most: 10 }],
])("the figure of %p", (values, figure) => {
  expect(figureOf(values)).toEqual(figure);
});

test("no values make no figure", () => {
  expect(() => figureOf([])).toThrow("no values");
});

test("figures are shown with their spread", () => {
  expect(shownFigure({ median: 19_203.4, least: 18_950, most: 19_611 })).toBe("19,203 (18,950–19,611)");
  expect(shownNumber(1.25, 1)).toBe("1.3");
});

test("a table is Markdown, with its numbers to the right", () => {
  expect(
    markdownTable(
      ["who", "ms"],
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ),
  ).toBe("| who | ms |\n|---|--:|\n| a | 1 |\n| b | 2 |");
});
