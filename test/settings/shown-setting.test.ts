import { describe, expect, test } from "bun:test";
import { shownSettings } from "../../src/commands/config/show.ts";
import type { SettingFlags } from "../../src/settings/options.ts";
import { placesOf } from "../../src/settings/setting-value.ts";
import { readSettingsFile } from "../../src/settings/settings-file.ts";

function show(text: string, env: Record<string, string> = {}, flags: SettingFlags = {}) {
  const file = readSettingsFile("etl.toml", () => ({ text, openToOthers: false }));
  const shown = shownSettings(placesOf({ flags, env, file: file.settings }), file);
  return Object.fromEntries(shown.map(({ key, ...rest }) => [key, rest]));
}

describe("shownSettings", () => {
  test("tells the flag, the variable, the line or the default that a value is from", () => {
    const toml = '[drain]\nbatch_size = 7\nreceivers = 8\n[queue]\nregion = "r"\nurl = "u"';
    const shown = show(
      toml,
      { ETL_QUEUE_URL: "v", AWS_REGION: "s" },
      { receivers: 9, giveUpAfter: 5, quiet: false },
    );
    expect(shown["drain.batch_size"]).toMatchObject({
      value: 7,
      origin: { from: "file", path: "etl.toml", line: 2 },
    });
    expect(shown["drain.receivers"]).toMatchObject({
      value: 9,
      origin: { from: "flag", name: "--receivers" },
    });
    expect(shown["drain.give_up_after_seconds"]).toMatchObject({
      value: 5,
      origin: { from: "flag", name: "--give-up-after" },
    });
    expect(shown["drain.grace_seconds"]).toMatchObject({ value: 20, origin: { from: "default" } });
    expect(shown["queue.url"]).toMatchObject({
      value: "v",
      origin: { from: "environment", name: "ETL_QUEUE_URL" },
    });
    expect(shown["queue.region"]).toMatchObject({ value: "r", origin: { from: "file", line: 5 } });
    expect(shown["drain.max_messages"]).toMatchObject({
      value: undefined,
      otherwise: "all; 10 in a dry run",
    });
    expect(shown["log.quiet"]).toMatchObject({ value: false, origin: { from: "default" } });
  });

  test("tells each column, and that of the preset nothing is written", () => {
    const toml =
      '[table]\nname = "t"\n[[table.columns]]\nname = "a"\nfrom = "b"\n[[table.columns]]\nname = "c"\nfrom = "d"';
    expect(show(toml)["table.columns.c"]).toEqual({
      value: { from: "d", type: "text", required: false },
      hidden: false,
      origin: { from: "file", path: "etl.toml", line: 6 },
    });
    expect(show("")["table.columns.masked_ip"]).toMatchObject({ origin: { from: "default" } });
  });

  test("leaves out what the file says for nothing", () => {
    const toml = '[mask]\nkey_file = "k"\nalgorithm = "sha256"\n[database]\nhost = "h"\nschema = "s"';
    const shown = show(toml, { ETL_MASK_KEY: "x", DATABASE_URL: "postgres://a" });
    expect(shown["mask.key_file"]?.value).toBeUndefined();
    expect(shown["mask.algorithm"]?.value).toBe("sha256");
    expect(shown["database.host"]?.value).toBeUndefined();
    expect(shown["database.schema"]?.value).toBe("s");
  });

  test("shows the names of secrets and never a secret", () => {
    const canary = "hunter2canary";
    const named = show('[database]\npassword = "env:PW"\n[mask]\nkey = "file:k"');
    expect(named["database.password"]).toMatchObject({ value: "env:PW", hidden: false });
    expect(named["mask.key"]).toMatchObject({ value: "file:k", hidden: false });
    const urls = `queue.url = "https://u:${canary}@q/1/a"\nqueue.endpoint = "http://${canary}@e"\nrejects.dead_letter_url = "https://q/?password=${canary}"`;
    const held = [
      show(`${urls}\ndatabase.url = "postgres://etl:${canary}@db/x"`),
      show("", {
        DATABASE_URL: `postgres://db/x?password=${canary}`,
        ETL_MASK_KEY: canary,
        PGPASSWORD: canary,
      }),
      show("", { DATABASE_URL: `env:${canary}`, ETL_MASK_KEY: `env:${canary}` }),
      show("", {}, { databaseUrl: `postgres://etl:${canary}@db/x`, queueUrl: `https://a:${canary}@b/c` }),
    ];
    for (const shown of held) expect(JSON.stringify(shown)).not.toContain(canary);
    expect(held[0]?.["queue.url"]).toMatchObject({ hidden: true, origin: { from: "file", line: 1 } });
    expect(held[1]?.["database.password"]).toMatchObject({ hidden: true, origin: { name: "PGPASSWORD" } });
  });
});
