/** The flags of the commands on rejected messages, for the table of commands. */

import { limits } from "../settings/limits.ts";
import { defineCommand } from "./command.ts";
import { numberFlag, switchFlag, textFlag } from "./flag.ts";
import { config, databaseUrl, drainSettingFlags, table } from "./setting-flags.ts";

const { queueUrl, deadLetterUrl } = drainSettingFlags;

/** `etl rejects list` */
export const rejectsList = defineCommand({
  name: "rejects list",
  summary: "List rejected messages: ids and reasons, no content",
  flags: {
    json: switchFlag("--json", "One JSON object a message"),
    reason: textFlag("--reason", "REASON", "Only messages rejected for it, such as field_missing"),
    max: numberFlag("--max", limits.rejects, "The last N messages (default: 100)"),
    queueUrl,
    databaseUrl,
    table,
    config,
  },
  examples: ["etl rejects list", "etl rejects list --reason field_missing --json"],
  run: async (context, values) =>
    (await import("../commands/rejects/list.ts")).runRejectsList(context, values),
});

/** `etl rejects retry` */
export const rejectsRetry = defineCommand({
  name: "rejects retry",
  summary: "Move the messages of the dead-letter queue back, to be drained",
  flags: {
    dryRun: switchFlag("--dry-run", "Say how many, and why they were rejected; move nothing"),
    json: switchFlag("--json", "The result as one JSON object"),
    max: numberFlag("--max", limits.rejects, "At most N messages (default: all; dry run: 1000)"),
    queueUrl,
    deadLetterUrl: { ...deadLetterUrl, description: "Where they are (default: by the redrive policy)" },
    databaseUrl,
    table,
    config,
  },
  examples: ["etl rejects retry --dry-run", "etl rejects retry", "etl rejects retry --max 100 --json"],
  run: async (context, values) =>
    (await import("../commands/rejects/retry.ts")).runRejectsRetry(context, values),
});
