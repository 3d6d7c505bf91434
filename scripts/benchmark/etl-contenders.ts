/** The rows of the table that `etl drain` itself is measured in. */

import type { Contender, Place } from "./contender.ts";
import { testEnvironment } from "./environment.ts";

/** Each situation that a drain is measured in, by the name of its row. */
const situations: Readonly<Record<string, Partial<Contender>>> = {
  "100k": {},
  "100k-20ms": { roundTripMillis: 20 },
  "1m": { messages: 1_000_000 },
  "1m-20ms": { messages: 1_000_000, roundTripMillis: 20 },
  "100k-filled": { filled: true },
  "100k-2-processes": { processes: 2 },
  "100k-20ms-2-processes": { roundTripMillis: 20, processes: 2 },
  // Through the proxy as well: what it takes of the machine is then taken from all of these rows.
  "db-0ms": { databaseRoundTripMillis: 0 },
  "db-2ms": { databaseRoundTripMillis: 2 },
  "db-10ms": { databaseRoundTripMillis: 10 },
  "db-30ms": { databaseRoundTripMillis: 30 },
};

/**
 * `etl drain`, with no flag that has to do with speed.
 *
 * @param executables more than one where two builds are to be compared
 * @param messages in place of each situation's own number
 */
export function etlContenders(executables: readonly string[], messages?: number): Contender[] {
  return Object.entries(situations).flatMap(([situation, differences]) =>
    executables.map((executable, build) => ({
      name: `etl-${situation}${executables.length > 1 ? `#${build + 1}` : ""}`,
      messages: 100_000,
      roundTripMillis: 0,
      filled: false,
      processes: 1,
      endsItself: true,
      parts: "all" as const,
      ...differences,
      ...(messages === undefined ? {} : { messages }),
      command: (place: Place) => ({
        arguments: [executable, "drain", "--json", "--quiet"],
        env: testEnvironment(place),
      }),
    })),
  );
}
