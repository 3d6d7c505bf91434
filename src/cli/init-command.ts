/** The flags of `etl init`, for the table of commands. */

import { defineCommand } from "./command.ts";
import { fileFlag, switchFlag, textFlag } from "./flag.ts";

/** `etl init` */
export const init = defineCommand({
  name: "init",
  summary: "Set up a queue and a table: asks, checks, writes etl.toml",
  flags: {
    yes: switchFlag("--yes", "Ask nothing: take flags, environment and what is proposed"),
    print: switchFlag("--print", "Print the settings; write and create nothing"),
    queueUrl: textFlag("--queue-url", "URL", "The SQS queue (ETL_QUEUE_URL)"),
    databaseUrl: textFlag("--database-url", "URL", "Postgres; others can see it here: better DATABASE_URL"),
    table: textFlag("--table", "NAME", "The table, which is created where it is missing"),
    config: fileFlag("--config", "The file to start from and to write (default: etl.toml)"),
  },
  examples: ["etl init", "etl init --yes --table events", "etl init --yes --table events --print"],
  run: async (context, values) => (await import("../commands/init/init.ts")).runInit(context, values),
});
