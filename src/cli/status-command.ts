/** The flags of `etl status`, for the table of commands. */

import { defineCommand } from "./command.ts";
import { switchFlag } from "./flag.ts";
import { config, databaseUrl, drainSettingFlags, table } from "./setting-flags.ts";

/** `etl status` */
export const status = defineCommand({
  name: "status",
  summary: "Show how queue and table stand, and what the last runs did",
  flags: {
    json: switchFlag("--json", "Everything as one JSON object"),
    queueUrl: drainSettingFlags.queueUrl,
    databaseUrl,
    table,
    config,
  },
  examples: ["etl status", "etl status --json"],
  run: async (context, values) => (await import("../commands/status.ts")).runStatus(context, values),
});
