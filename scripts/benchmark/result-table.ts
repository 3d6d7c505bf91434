/** The runs of all contenders as one table. */

import type { Contender } from "./contender.ts";
import { figureOf, markdownTable, shownFigure, shownNumber } from "./figures.ts";
import type { Measurement } from "./measurement.ts";

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
 * The ratios are to the first row with the same time a call. Those of a row through the proxy are to the first such row of the
 * same build: what is asked there is how much of its rate is left when the database is further away.
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

/** A dash where nothing is known. */
function shownKnown(values: readonly (number | undefined)[], digits = 0): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? "–" : shownFigure(figureOf(known), digits);
}
