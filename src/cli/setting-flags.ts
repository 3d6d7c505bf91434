/** The flags that stand for settings, shared by the commands that take them. */

import { limits } from "../settings/limits.ts";
import { maskAlgorithms, rejectActions } from "../settings/options.ts";
import { choiceFlag, fileFlag, numberFlag, switchFlag, textFlag } from "./flag.ts";

/** `--config` */
export const config = fileFlag("--config", "Settings file (default: etl.toml, where it exists)");

/** `--database-url` */
export const databaseUrl = textFlag(
  "--database-url",
  "URL",
  "Postgres; others can see it here: better DATABASE_URL",
);

/** `--table` */
export const table = textFlag("--table", "NAME", "Target table (default: user_logins)");

/** Every setting that a drain takes as a flag. */
export const drainSettingFlags = {
  queueUrl: textFlag("--queue-url", "URL", "The SQS queue (ETL_QUEUE_URL)"),
  databaseUrl,
  table,
  mask: choiceFlag("--mask", maskAlgorithms, "hmac-sha256 (default), or sha256, which can be undone"),
  maxMessages: numberFlag("--max-messages", limits.maxMessages, "Stop after N messages (dry run: 10)"),
  batchSize: numberFlag("--batch-size", limits.batchSize, "Rows in one statement (default: 500)"),
  receivers: numberFlag("--receivers", limits.receivers, "Receivers at once (default: as the queue needs)"),
  waitSeconds: numberFlag(
    "--wait-seconds",
    limits.waitSeconds,
    "Long poll when empty (default: 5, follow: 20)",
  ),
  onReject: choiceFlag("--on-reject", rejectActions, "leave (default), or dead-letter: send it on, whole"),
  deadLetterUrl: textFlag("--dead-letter-url", "URL", "The queue for --on-reject dead-letter"),
  maxInFlight: numberFlag(
    "--max-in-flight",
    limits.maxInFlight,
    "Messages in memory (default: by the receivers)",
  ),
  giveUpAfter: numberFlag(
    "--give-up-after",
    limits.giveUpAfterSeconds,
    "Seconds to wait for a failing service (default: 300)",
  ),
  graceSeconds: numberFlag("--grace-seconds", limits.graceSeconds, "To settle after a stop (default: 20)"),
  quiet: switchFlag("--quiet", "Log nothing but warnings and errors"),
  config,
};
