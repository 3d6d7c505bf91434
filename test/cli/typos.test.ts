import { describe, expect, test } from "bun:test";
import { commandGroups, commands } from "../../src/cli/commands.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { parseSettings } from "../../src/settings/settings-file.ts";
import { refusalOf } from "../support/refusal.ts";

const refused = (line: string) => refusalOf(() => parseCommandLine(commandGroups, line.split(" ")));

describe("did you mean, for commands", () => {
  test.each([
    ["drian", "drain"],
    ["drani --dry-run", "drain"],
    ["Drain", "drain"],
    ["dranin extra", "drain"],
    ["dmeo", "demo"],
    ["intit", "init"],
    ["migrat", "migrate"],
    ["migration", "migrate"],
    ["confg", "config"],
    ["key", "keys"],
    ["compl", "completions"],
    ["halp", "help"],
    ["version", "--version"],
    ["config chek", "config check"],
    ["config chekc x.toml", "config check"],
    ["config shwo --json", "config show"],
    ["config exampel", "config example"],
    ["confg check", "config check"],
    ["cofnig shwo", "config show"],
    ["key generate", "keys generate"],
    ["keys gen", "keys generate"],
    ["generate keys", "keys generate"],
    ["check config", "config check"],
    ["config-check", "config check"],
    ["configcheck", "config check"],
    ["keys_generate", "keys generate"],
    ["generate", "keys generate"],
    ["check", "config check"],
    ["show config", "config show"],
    ["doctr", "doctor"],
    ["statsu --json", "status"],
    ["reject", "rejects"],
    ["reject list", "rejects list"],
    ["rejects lst", "rejects list"],
    ["rejected list", "rejects list"],
    ["rejects rerty --dry-run", "rejects retry"],
    ["retry", "rejects retry"],
    ["completion", "completions"],
    ["help confg", "config"],
    ["help config chek", "config check"],
  ])("etl %s: %s", (line, meant) => {
    const { message, hint, exitCode } = refused(line);
    expect(message).toEndWith(`; did you mean ${meant}?`);
    expect({ hint, exitCode }).toEqual({
      hint: meant.startsWith("-") ? `etl ${meant}` : `etl ${meant} --help`,
      exitCode: 64,
    });
  });

  test.each(["frobnicate", "x", "s3cr3t", "config frobnicate", "drain-everything-now"])(
    "etl %s: nothing is near",
    (line) => {
      expect(refused(line).message).not.toContain("did you mean");
    },
  );

  test.each(commands.map(({ name }) => name))("%s is found with two letters swapped", (name) => {
    const swapped = name.replace(/(..)$/, (end) => [...end].reverse().join(""));
    expect(refused(swapped).message).toEndWith(`; did you mean ${name}?`);
  });
});

describe("did you mean, for flags", () => {
  test.each([
    ["drain --dryrun", "--dry-run"],
    ["drain --dry_run", "--dry-run"],
    ["drain -dry-run", "--dry-run"],
    ["drain --folow", "--follow"],
    ["drain --jsno", "--json"],
    ["drain --databse-url=x", "--database-url"],
    ["drain --batchsize 5", "--batch-size"],
    ["drain --max-message 5", "--max-messages"],
    ["drain --deadletter-url x", "--dead-letter-url"],
    ["drain --confg x", "--config"],
    ["drain dry-run", "--dry-run"],
    ["drain follow", "--follow"],
    ["migrate --prnt", "--print"],
    ["demo --message 5", "--messages"],
    ["demo --kep", "--keep"],
    ["doctor --polcy", "--policy"],
    ["doctor --grant", "--grants"],
    ["doctor policy", "--policy"],
    ["status --jsno", "--json"],
    ["rejects list --reasn x", "--reason"],
    ["rejects retry --dryrun", "--dry-run"],
    ["config show --jsn", "--json"],
  ])("etl %s: %s", (line, meant) => {
    const { message, hint, exitCode } = refused(line);
    expect(message).toEndWith(`; did you mean ${meant}?`);
    expect(hint).toMatch(/^etl [a-z ]+ --help$/);
    expect(exitCode).toBe(64);
  });

  const flags = commands.flatMap(({ name, flags }) => Object.values(flags).map((flag) => [name, flag.name]));
  test.each(flags)("etl %s %s is found with a letter left out", (name = "", flag = "") => {
    expect(refused(`${name} ${flag.slice(0, 4)}${flag.slice(5)}`).message).toEndWith(
      `; did you mean ${flag}?`,
    );
  });
});

describe("did you mean, for keys of etl.toml", () => {
  test.each([
    ["[que]\nurl = 1", "queue"],
    ["[databse]\nurl = 1", "database"],
    ['[queue]\nulr = "x"', "url"],
    ['[database]\nss_mode = "x"', "sslmode"],
    ["[drain]\nbatchsize = 5", "batch_size"],
    ["[drain]\nmax-messages = 5", "max_messages"],
    ["[drain]\ngive_up_after = 5", "give_up_after_seconds"],
    ['[rejects]\nactions = "leave"', "action"],
    ['[mask]\nkeyfile = "x"', "key_file"],
    ['[log]\nfromat = "json"', "format"],
    ['[table]\nname = "t"\n[[table.columns]]\nname = "a"\nform = "b"', "from"],
  ])("%j: %s", (text, meant) => {
    const { message, hint, exitCode } = refusalOf(() => parseSettings("etl.toml", text));
    expect(message).toEndWith(`; did you mean "${meant}"?`);
    expect(hint).toBeDefined();
    expect(exitCode).toBe(78);
  });
});
