import { expect, test } from "bun:test";
import { etlContenders } from "../../scripts/benchmark/contenders.ts";
import {
  figureOf,
  markdownTable,
  resultTable,
  shownFigure,
  shownNumber,
} from "../../scripts/benchmark/figures.ts";
import type { Measurement } from "../../scripts/benchmark/measurement.ts";

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

test("a row through the proxy is compared with its own build's row at 0 ms, and any other with the first", () => {
  const rates: Readonly<Record<string, number>> = {
    "etl-100k#1": 4_000,
    "etl-100k#2": 3_000,
    "etl-db-0ms#1": 2_000,
    "etl-db-0ms#2": 1_000,
    "etl-db-30ms#1": 500,
    "etl-db-30ms#2": 900,
  };
  const results = etlContenders(["old", "new"]).map((contender) => {
    const messagesPerSecond = rates[contender.name];
    return { contender, runs: messagesPerSecond === undefined ? [] : [measurementOf(messagesPerSecond)] };
  });
  const cells = resultTable(results)
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const column = (name: string) => cells[0]?.indexOf(name) ?? -1;
  const names = ["contender", "database ms", "× etl"];
  expect(cells.slice(2).map((row) => names.map((name) => row[column(name)]))).toEqual([
    ["etl-100k#1", "–", "1.00"],
    ["etl-100k#2", "–", "0.75"],
    ["etl-db-0ms#1", "0", "1.00"],
    ["etl-db-0ms#2", "0", "1.00"],
    ["etl-db-30ms#1", "30", "0.25"],
    ["etl-db-30ms#2", "30", "0.90"],
  ]);
});

function measurementOf(messagesPerSecond: number): Measurement {
  return {
    messagesPerSecond,
    cpuMicros: 1,
    peakBytes: 1,
    firstRowMillis: undefined,
    residentBytes: { tenth: undefined, half: undefined, end: undefined },
    queueCpuMicros: 1,
    serverCpuMicros: undefined,
    proxyCpuMicros: undefined,
  };
}
