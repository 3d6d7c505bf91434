/** All checks, in the order in which they are made and reported. */

import { type Check, known, ok, warning } from "./check.ts";
import { databaseChecks } from "./database-checks.ts";
import { queueChecks } from "./queue-checks.ts";

const settingsChecks: readonly Check[] = [
  {
    name: "settings",
    needs: [],
    run({ settings }) {
      const { configPath, table } = known(settings);
      const { length } = table.mapping.columns;
      return ok(
        `${configPath ?? "no etl.toml"}; ${length} ${length === 1 ? "column" : "columns"} into ${table.name}`,
      );
    },
  },
  {
    name: "mask key",
    needs: ["settings"],
    run({ maskKey }) {
      const { key, plainHash } = known(maskKey);
      if (plainHash) {
        return warning(
          "a column is masked with sha256 and no key: anyone can reverse an IPv4 address by trying all of them",
          '--mask hmac-sha256, or mask = "hmac" in the column\'s entry',
        );
      }
      if (key === undefined) return ok("not needed: no column is masked under a key");
      return ok(`${key.place}: ${key.bytes} bytes${key.inFile ? ", readable by its owner only" : ""}`);
    },
  },
];

/** For {@link runChecks}. */
export const checks: readonly Check[] = [...settingsChecks, ...queueChecks, ...databaseChecks];
