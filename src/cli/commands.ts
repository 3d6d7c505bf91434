/** The table of commands: the parser, the help and the documentation of the command line come from it. */

import { limits } from "../config/limits.ts";
import { maskAlgorithms, rejectActions } from "../config/options.ts";
import { type Command, defineCommand } from "./command.ts";
import { choiceFlag, numberFlag, switchFlag, textFlag } from "./flag.ts";

const config = textFlag("--config", "FILE", "Settings file (default: etl.toml, where it exists)");
const databaseUrl = textFlag(
  "--database-url",
  "URL",
  "Postgres; others can see it here: better DATABASE_URL",
);
const table = textFlag("--table", "NAME", "Target table (default: user_logins)");

/** So many messages make a demo that ends within seconds. */
const defaultDemoMessages = 500;

// Each command is imported when it runs: `etl --help` waits for no driver, and `etl drain` for no embedded database.
const drain = defineCommand({
  name: "drain",
  summary: "Load the queue into the table, masked, until it is empty",
  flags: {
    dryRun: switchFlag("--dry-run", "Show the rows; write and delete nothing"),
    queueUrl: textFlag("--queue-url", "URL", "The SQS queue (ETL_QUEUE_URL)"),
    databaseUrl,
    table,
    mask: choiceFlag("--mask", maskAlgorithms, "hmac-sha256 (default), or sha256, which can be undone"),
    maxMessages: numberFlag("--max-messages", limits.maxMessages, "Stop after N messages (dry run: 10)"),
    batchSize: numberFlag("--batch-size", limits.batchSize, "Rows in one statement (default: 1000)"),
    receivers: numberFlag("--receivers", limits.receivers, "Receivers at once (default: as the queue needs)"),
    waitSeconds: numberFlag(
      "--wait-seconds",
      limits.waitSeconds,
      "Long poll when empty (default: 5, follow: 20)",
    ),
    follow: switchFlag("--follow", "Go on when the queue is empty, until stopped"),
    onReject: choiceFlag("--on-reject", rejectActions, "leave (default), or dead-letter: send it on, whole"),
    deadLetterUrl: textFlag("--dead-letter-url", "URL", "The queue for --on-reject dead-letter"),
    maxInFlight: numberFlag("--max-in-flight", limits.maxInFlight, "Messages in memory (default: 4 batches)"),
    giveUpAfter: numberFlag(
      "--give-up-after",
      limits.giveUpAfterSeconds,
      "Seconds to wait for a failing service (default: 300)",
    ),
    graceSeconds: numberFlag("--grace-seconds", limits.graceSeconds, "To settle after a stop (default: 20)"),
    json: switchFlag("--json", "Results as one JSON object a line, the receipt last"),
    quiet: switchFlag("--quiet", "Log nothing but warnings and errors"),
    config,
  },
  examples: [
    "etl drain --dry-run",
    "etl drain",
    "etl drain --follow",
    "etl drain --max-messages 10000 --json",
  ],
  run: async (context, values) => (await import("../commands/drain.ts")).runDrain(context, values),
});

const migrate = defineCommand({
  name: "migrate",
  summary: "Create the table and the ledger where they are missing",
  flags: {
    print: switchFlag("--print", "Print the SQL; change nothing"),
    databaseUrl,
    table,
    config,
  },
  examples: ["etl migrate --print", "etl migrate"],
  run: async (context, values) => (await import("../commands/migrate.ts")).runMigrate(context, values),
});

const keysGenerate = defineCommand({
  name: "keys generate",
  summary: "Make a mask key, in a file that only its owner can read",
  argument: { name: "FILE", description: "The file to make (default: etl-mask.key)" },
  flags: {},
  examples: ["etl keys generate", "etl keys generate ~/.config/etl-mask.key"],
  run: async (context, _values, file) =>
    (await import("../commands/keys.ts")).runKeysGenerate(context, { file }),
});

const demo = defineCommand({
  name: "demo",
  summary: "See it work, with a queue and a Postgres of its own",
  flags: {
    messages: numberFlag(
      "--messages",
      limits.demoMessages,
      `Login events to make (default: ${defaultDemoMessages})`,
    ),
    keep: switchFlag("--keep", "Keep both running until Ctrl-C, to try things out"),
  },
  examples: ["etl demo", "etl demo --keep"],
  run: async (context, { messages = defaultDemoMessages, keep }) =>
    (await import("../commands/demo.ts")).runDemo(context, { messages, keep }),
});

/** Every command, in the order in which a newcomer needs them. */
export const commands: readonly Command[] = [demo, keysGenerate, migrate, drain];
