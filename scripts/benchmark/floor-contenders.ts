/** The rows of the table that show where the time goes: a drain without one part or the other. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { userLogins } from "../../src/message/mapping.ts";
import { writeColumn } from "../../src/settings/column-mapping.ts";
import { settingsToml } from "../../src/settings/settings-toml.ts";
import type { Contender, DrainPart, Place } from "./contender.ts";
import { testEnvironment } from "./environment.ts";

const parts: Readonly<Record<string, readonly DrainPart[]>> = {
  "floor-with-all": ["receive", "load", "delete"],
  "floor-no-receive": ["load", "delete"],
  "floor-no-load": ["receive", "delete"],
  "floor-no-delete": ["receive", "load"],
  "floor-none": [],
};

/** The same as `floor-none`, with the columns of the preset written down in an `etl.toml`. */
const mappedName = "floor-none-mapped";

/**
 * The drain from its source, without the command around it.
 *
 * @param folder where the `etl.toml` is made
 */
export function floorContenders(folder: string): Contender[] {
  const config = join(folder, "etl.toml");
  const columns = userLogins.columns.map(writeColumn);
  writeFileSync(config, settingsToml({ table: { name: "user_logins", columns } }));
  return Object.entries({ ...parts, [mappedName]: [] }).map(([name, done]) => ({
    name,
    messages: 100_000,
    roundTripMillis: 0,
    filled: false,
    processes: 1,
    endsItself: true,
    parts: done,
    command: (place: Place) => ({
      arguments: [process.execPath, join(import.meta.dirname, "programs/floor.ts")],
      env: {
        ...testEnvironment(place),
        BENCH_PARTS: done.join(","),
        ...(name === mappedName ? { ETL_CONFIG: config } : {}),
      },
    }),
  }));
}
