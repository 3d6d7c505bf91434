/** The flags of `etl doctor`, for the table of commands: those of a drain that change what it needs. */

import { defineCommand } from "./command.ts";
import { switchFlag } from "./flag.ts";
import { drainSettingFlags } from "./setting-flags.ts";

const { queueUrl, databaseUrl, table, mask, batchSize, onReject, deadLetterUrl, quiet, config } =
  drainSettingFlags;

/** `etl doctor` */
export const doctor = defineCommand({
  name: "doctor",
  summary: "Check everything that a drain needs; change nothing",
  flags: {
    json: switchFlag("--json", "One JSON object a line for each check, the summary last"),
    policy: switchFlag("--policy", "Print the IAM policy that a drain needs instead"),
    grants: switchFlag("--grants", "Print the SQL grants that a drain needs instead"),
    queueUrl,
    databaseUrl,
    table,
    mask,
    batchSize,
    onReject,
    deadLetterUrl,
    quiet,
    config,
  },
  examples: ["etl doctor", "etl doctor --policy > policy.json", "etl doctor --grants | psql"],
  run: async (context, values) => (await import("../commands/doctor/doctor.ts")).runDoctor(context, values),
});
