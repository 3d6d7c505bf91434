/** The table of commands: the parser, the help and the documentation of the command line come from it. */

import { limits } from "../settings/limits.ts";
import { type Command, type CommandGroup, defineCommand } from "./command.ts";
import { completionOf, type Shell, shells } from "./completions/shells.ts";
import { doctor } from "./doctor-command.ts";
import { numberFlag, switchFlag } from "./flag.ts";
import { init } from "./init-command.ts";
import { rejectsList, rejectsRetry } from "./rejects-commands.ts";
import { config, databaseUrl, drainSettingFlags, table } from "./setting-flags.ts";
import { status } from "./status-command.ts";

/** So many messages make a demo that ends within seconds. */
const defaultDemoMessages = 500;

// Each command is imported when it runs: `etl --help` waits for no driver, and `etl drain` for no embedded database.
const drain = defineCommand({
  name: "drain",
  summary: "Load the queue into the table, masked, until it is empty",
  flags: {
    dryRun: switchFlag("--dry-run", "Show the rows; write and delete nothing"),
    follow: switchFlag("--follow", "Go on when the queue is empty, until stopped"),
    json: switchFlag("--json", "Results as one JSON object a line, the receipt last"),
    ...drainSettingFlags,
  },
  examples: [
    "etl drain --dry-run",
    "etl drain",
    "etl drain --follow",
    "etl drain --max-messages 10000 --json",
  ],
  run: async (context, values) => (await import("../commands/drain/drain.ts")).runDrain(context, values),
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
  argument: { name: "FILE", description: "The file to make (default: etl-mask.key)", values: "files" },
  flags: {},
  examples: ["etl keys generate", "etl keys generate ~/.config/etl-mask.key"],
  run: async (context, _values, file) =>
    (await import("../commands/keys.ts")).runKeysGenerate(context, { file }),
});

const configCheck = defineCommand({
  name: "config check",
  summary: "Find what is wrong with the settings, without network",
  argument: { name: "FILE", description: "The settings file (default: etl.toml)", values: "files" },
  flags: {},
  examples: ["etl config check", "etl config check staging.toml"],
  run: async (context, _values, file) =>
    (await import("../commands/config/check.ts")).runConfigCheck(context, { file }),
});

const configShow = defineCommand({
  name: "config show",
  summary: "Show each setting and where it comes from",
  flags: { json: switchFlag("--json", "One JSON object a line"), ...drainSettingFlags },
  examples: ["etl config show", "etl config show --config staging.toml --json"],
  run: async (context, values) => (await import("../commands/config/show.ts")).runConfigShow(context, values),
});

const configExample = defineCommand({
  name: "config example",
  summary: "Print a settings file with a comment on each setting",
  flags: {},
  examples: ["etl config example > etl.toml"],
  run: async (context) => (await import("../commands/config/example.ts")).runConfigExample(context),
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
