/** The runs as figures, and the figures as tables. */

import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import type { Contender } from "./contenders.ts";
import type { Measurement } from "./measurement.ts";

/** A figure of several runs: the median, and between what it lies. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @throws if there are none */
export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted.at(0), sorted.at(-1)];
  if (least === undefined || most === undefined) throw new Error("no values");
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] as number;
  const high = sorted[Math.ceil(middle)] as number;
  return { median: (low + high) / 2, least, most };
}

/** `19,203 (18,950–19,611)`, to as many digits behind the point. */
export function shownFigure({ median, least, most }: Figure, digits = 0): string {
  return `${shownNumber(median, digits)} (${shownNumber(least, digits)}–${shownNumber(most, digits)})`;
}

/** With a comma between the thousands. */
export function shownNumber(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A table in Markdown. The first column is words, the others are numbers. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = header.map((_, column) => (column === 0 ? "---" : "--:"));
  return [line(header), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}

/** One contender and its runs. */
export interface Result {
  readonly contender: Contender;
  readonly runs: readonly Measurement[];
}

const header = [
  "contender",
  "messages",
  "ms a call",
  "database ms",
  "messages/s",
  "× etl",
  "CPU µs/message",
  "× etl",
  "peak MB",
  "MB at 10 %, 50 %, end",
  "first row ms",
  "Postgres µs/message",
  "queue µs/message",
  "proxy µs/message",
];

/**
 * The ratios are to the first row with the same time a call. A row through the proxy is compared with the first such row of
 * its own build: they tell how much of the rate is left when the database is further away.
 *
 * Contenders that have no run yet are left out.
 */
export function resultTable(results: readonly Result[]): string {
  const shown = results.filter(({ runs }) => runs.length > 0);
  return markdownTable(
    header,
    shown.map((result) => {
      const { contender, runs } = result;
      const { roundTripMillis, databaseRoundTripMillis } = contender;
      const of = (figure: (run: Measurement) => number, digits = 0) =>
        shownFigure(figureOf(runs.map(figure)), digits);
      const base = shown.find((other) => isBase(other.contender, contender)) ?? result;
      const ratio = (figure: (run: Measurement) => number) =>
        shownNumber(figureOf(runs.map(figure)).median / figureOf(base.runs.map(figure)).median, 2);
      return [
        contender.name,
        shownNumber(contender.messages),
        String(roundTripMillis),
        databaseRoundTripMillis === undefined ? "–" : String(databaseRoundTripMillis),
        of(({ messagesPerSecond }) => messagesPerSecond),
        ratio(({ messagesPerSecond }) => messagesPerSecond),
        of(({ cpuMicros }) => cpuMicros, 1),
        ratio(({ cpuMicros }) => cpuMicros),
        of(({ peakBytes }) => peakBytes / 1e6),
        course(runs),
        shownKnown(runs.map(({ firstRowMillis }) => firstRowMillis)),
        shownKnown(runs.map(({ serverCpuMicros }) => serverCpuMicros)),
        of(({ queueCpuMicros }) => queueCpuMicros, 1),
        shownKnown(
          runs.map(({ proxyCpuMicros }) => proxyCpuMicros),
          1,
        ),
      ];
    }),
  );
}

/** Whether the ratios of the one row are to the other. */
function isBase(base: Contender, row: Contender): boolean {
  const build = ({ name }: Contender) => name.split("#")[1];
  const isFar = ({ databaseRoundTripMillis }: Contender) => databaseRoundTripMillis !== undefined;
  return (
    base.roundTripMillis === row.roundTripMillis &&
    isFar(base) === isFar(row) &&
    (!isFar(row) || build(base) === build(row))
  );
}

function course(runs: readonly Measurement[]): string {
  const at = (moment: keyof Measurement["residentBytes"]) => {
    const known = runs
      .map(({ residentBytes }) => residentBytes[moment])
      .filter((bytes) => bytes !== undefined);
    return known.length === 0 ? "–" : shownNumber(figureOf(known).median / 1e6);
  };
  return `${at("tenth")}, ${at("half")}, ${at("end")}`;
}

/** A dash if nothing is known. */
function shownKnown(values: readonly (number | undefined)[], digits = 0): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? "–" : shownFigure(figureOf(known), digits);
}

/** What the figures were taken on, in a line: processor, memory, system, and the versions of what runs. */
export function machineLine(postgresVersion: string): string {
  const node = Bun.which("node");
  return [
    `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${type()} ${release()}`,
    `Bun ${Bun.version}`,
    ...(node === null ? [] : [`Node.js ${Bun.spawnSync([node, "--version"]).stdout.toString().trim()}`]),
    `Postgres ${postgresVersion}`,
  ].join("; ");
}
