/** The table of commands: the parser, the help, the completions and the documentation of the command line come from it. */

import { file, text, whole } from "../settings/setting.ts";
import { drainDefaults } from "../settings/setting-table.ts";
import {
  type Command,
  type CommandGroup,
  defineCommand,
  settingFlags,
  switchFlag,
  valueFlag,
} from "./command.ts";
import { completionOf, type Shell, shells } from "./completions.ts";

/** So many messages make a demo that ends within seconds. */
const defaultDemoMessages = 500;

/** Messages that are looked at together: all of them are in memory, and hidden from others meanwhile. */
const heldMessages = whole(1, 1_000);

/** Messages that are listed or moved. */
const someMessages = whole(1, 1_000_000);

/** The embedded queue refuses receives from 20,000 messages on, and `--keep` fills it a second time. */
const demoMessages = whole(1, 10_000);

const { queueUrl, databaseUrl, table, mask, ledgerSchema, batchSize, onReject, deadLetterUrl, quiet } =
  settingFlags;
const config = valueFlag("--config", file, "Settings file (default: etl.toml, if it exists)");
const place = { queueUrl, databaseUrl, table, ledgerSchema, config };

// Each command is imported when it runs: `etl --help` waits for no driver, and `etl drain` for no embedded database.
const demo = defineCommand({
  name: "demo",
  summary: "See it work, with a queue and a Postgres of its own",
  flags: {
    messages: valueFlag("--messages", demoMessages, `Login events to make (default: ${defaultDemoMessages})`),
    keep: switchFlag("--keep", "Keep both running until Ctrl-C, to try things out"),
  },
  examples: ["etl demo", "etl demo --keep"],
  run: async (context, { messages = defaultDemoMessages, keep }) =>
    (await import("../commands/demo.ts")).runDemo(context, { messages, keep }),
});

const init = defineCommand({
  name: "init",
  summary: "Set up a queue and a table: asks, checks, writes etl.toml",
  flags: {
    yes: switchFlag("--yes", "Ask nothing: take flags, environment and what is proposed"),
    acceptGuesses: switchFlag("--accept-guesses", "Take columns whose names are only like a field's"),
    print: switchFlag("--print", "Print the settings; write and create nothing"),
    queueUrl,
    databaseUrl,
    table: { ...table, description: "The table, which is created if it is missing" },
    config: { ...config, description: "The file to start from and to write (default: etl.toml)" },
  },
  examples: ["etl init", "etl init --yes --table events", "etl init --yes --table events --print"],
  run: async (context, values) => (await import("../commands/init/init.ts")).runInit(context, values),
});

const doctor = defineCommand({
  name: "doctor",
  summary: "Check everything that a drain needs; change nothing",
  flags: {
    json: switchFlag("--json", "One JSON object a line for each check, the summary last"),
    policy: switchFlag("--policy", "Print the IAM policy that a drain needs instead"),
    grants: switchFlag("--grants", "Print the SQL grants that a drain needs instead"),
    ...{
      queueUrl,
      databaseUrl,
      mask,
      table,
      ledgerSchema,
      batchSize,
      onReject,
      deadLetterUrl,
      quiet,
      config,
    },
  },
  examples: ["etl doctor", "etl doctor --policy > policy.json", "etl doctor --grants | psql"],
  run: async (context, values) => (await import("../commands/doctor/doctor.ts")).runDoctor(context, values),
});

const drain = defineCommand({
  name: "drain",
  summary: "Load the queue into the table, masked, until it is empty",
  flags: {
    dryRun: switchFlag("--dry-run", "Show the rows; write and delete nothing"),
    writeCheck: switchFlag("--write-check", "In a dry run: write the rows, and roll it back"),
    follow: switchFlag("--follow", "Go on when the queue is empty, until stopped"),
    json: switchFlag("--json", "Results as one JSON object a line, the receipt last"),
    ...settingFlags,
    config,
  },
  examples: [
    "etl drain --dry-run",
    "etl drain --dry-run --write-check",
    "etl drain",
    "etl drain --follow",
    "etl drain --max-messages 10000 --json",
  ],
  run: async (context, values) => (await import("../commands/drain/drain.ts")).runDrain(context, values),
});

const status = defineCommand({
  name: "status",
  summary: "Show how queue and table stand, and what the last runs did",
  flags: { json: switchFlag("--json", "Everything as one JSON object"), ...place },
  examples: ["etl status", "etl status --json"],
  run: async (context, values) => (await import("../commands/status.ts")).runStatus(context, values),
});

const rejectsList = defineCommand({
  name: "rejects list",
  summary: "List rejected messages: ids and reasons, no content",
  flags: {
    json: switchFlag("--json", "One JSON object a message"),
    reason: valueFlag("--reason", text, "Only messages rejected for it, such as field_missing", "REASON"),
    max: valueFlag("--max", someMessages, "The last N messages (default: 100)"),
    ...place,
  },
  examples: ["etl rejects list", "etl rejects list --reason field_missing --json"],
  run: async (context, values) =>
    (await import("../commands/rejects/list.ts")).runRejectsList(context, values),
});

const rejectsRetry = defineCommand({
  name: "rejects retry",
  summary: "Move the messages of the dead-letter queue back, to be drained",
  flags: {
    dryRun: switchFlag("--dry-run", "Say how many, and why they were rejected; move nothing"),
    json: switchFlag("--json", "The result as one JSON object"),
    max: valueFlag("--max", someMessages, "At most N messages (default: all; dry run: 1000)"),
    deadLetterUrl: { ...deadLetterUrl, description: "Where they are (default: by the redrive policy)" },
    ...place,
  },
  examples: ["etl rejects retry --dry-run", "etl rejects retry", "etl rejects retry --max 100 --json"],
  run: async (context, values) =>
    (await import("../commands/rejects/retry.ts")).runRejectsRetry(context, values),
});

const migrate = defineCommand({
  name: "migrate",
  summary: "Create the table and the ledger if they are missing",
  flags: {
    print: switchFlag("--print", "Print the SQL; change nothing"),
    ...{ databaseUrl, table, ledgerSchema, config },
  },
  examples: ["etl migrate --print", "etl migrate"],
  run: async (context, values) => (await import("../commands/migrate.ts")).runMigrate(context, values),
});

const keysGenerate = defineCommand({
  name: "keys generate",
  summary: "Make a mask key, in a file that only its owner can read",
  argument: { name: "FILE", description: "The file to make (default: etl-mask.key)", values: "files" },
  flags: {},
  examples: ["etl keys generate", "etl keys generate ~/.config/etl-mask.key"],
  run: async (context, _values, file) =>
    (await import("../commands/keys.ts")).runKeysGenerate(context, { file }),
});

const configCheck = defineCommand({
  name: "config check",
  summary: "Find what is wrong with the settings, and try the mapping",
  argument: { name: "FILE", description: "The settings file (default: etl.toml)", values: "files" },
  flags: {
    sample: valueFlag("--sample", file, "Try the mapping on this file of message bodies, one a line"),
    queue: switchFlag("--queue", "Try the mapping on messages of the queue, and give them back"),
    max: valueFlag("--max", heldMessages, `Messages of the queue (default: ${drainDefaults.dryRunMessages})`),
  },
  examples: [
    "etl config check",
    "etl config check staging.toml --sample bodies.jsonl",
    "etl config check --queue",
  ],
  run: async (context, values, path) =>
    (await import("../commands/config/check.ts")).runConfigCheck(context, { file: path, ...values }),
});

const configShow = defineCommand({
  name: "config show",
  summary: "Show each setting and where it comes from",
  flags: { json: switchFlag("--json", "One JSON object a line"), ...settingFlags, config },
  examples: ["etl config show", "etl config show --config staging.toml --json"],
  run: async (context, values) => (await import("../commands/config/show.ts")).runConfigShow(context, values),
});

const configExample = defineCommand({
  name: "config example",
  summary: "Print a settings file with a comment on each setting",
  flags: {},
  examples: ["etl config example > etl.toml"],
  run: async ({ stdout }) => {
    await stdout.write((await import("../settings/settings-toml.ts")).exampleToml());
    return 0;
  },
});

const completions = defineCommand({
  name: "completions",
  summary: "Print what makes a shell complete these commands",
  argument: { name: "SHELL", description: "bash, zsh or fish", values: shells, required: true },
  flags: {},
  examples: [
    `echo 'eval "$(etl completions bash)"' >> ~/.bashrc`,
    `echo 'eval "$(etl completions zsh)"' >> ~/.zshrc`,
    "etl completions fish > ~/.config/fish/completions/etl.fish",
  ],
  run: async ({ stdout }, _values, shell) => {
    // The parser takes one of the shells alone.
    await stdout.write(completionOf(shell as Shell, commands));
    return 0;
  },
});

/** Every command, in the order in which a newcomer needs them. */
export const commandGroups: readonly CommandGroup[] = [
  { title: "To begin", commands: [demo, init, doctor] },
  { title: "Every day", commands: [drain, status, rejectsList, rejectsRetry] },
  { title: "Table and key", commands: [migrate, keysGenerate] },
  { title: "Settings", commands: [configCheck, configShow, configExample] },
  { title: "Shell", commands: [completions] },
];

/** The same, without the groups. */
export const commands: readonly Command[] = commandGroups.flatMap((group) => group.commands);
